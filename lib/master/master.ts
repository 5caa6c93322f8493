import { debugArbiter } from '../debug.js';
import type { ResolvedOptions } from '../options/resolved.js';
import { begin, siteEvents } from './begin.js';
import { asTrouble, RETRY, TroubleFilter } from './common/trouble.js';
import type { Crew } from './crew/crew.js';
import { Ending } from './ending.js';
import { Alarm } from './loop/alarm.js';
import { Loop } from './loop/loop.js';
import { type Orders, obey, stepped } from './loop/signal-table.js';
import { type ArbiterState, checkMove, refusal } from './loop/states.js';
import { snapshot } from './numbers/snapshot.js';
import type { Attend } from './opening.js';
import { isOver, Reloads, resultOf } from './reloads.js';
import type { ArbiterStats } from './scoreboard/stats.js';
import { takeName } from './site/inline-names.js';
import type { Site } from './site/site.js';
import type { BoundAddress } from './sockets/listener.js';
import type { Staff } from './staff.js';
import type { ReloadResult } from './tell/events.js';
import { reopenLogger } from './tell/journal.js';
import type { Notifier } from './tell/notify.js';
import type { Turn, TurnTable } from './turn.js';
import type { EndStage } from './workers/end-stage.js';

/**
 * The master loop behind an Arbiter. Whatever happens (a signal, a message, an exit, a timer, a call) is enqueued as a
 * turn, and one place acts on turns. The master keeps the Arbiter's state, and knows nothing of clients.
 */
export class Master {
  readonly #options: ResolvedOptions;
  readonly #notifier: Notifier;
  readonly #loop: Loop<Turn>;
  readonly #abortOpening = new AbortController();
  #state: ArbiterState = 'idle';
  #target: number;
  #site: Site | undefined;
  #staff: Staff | undefined;
  readonly #ending: Ending;
  #failure: unknown;
  #releaseName: (() => void) | undefined;
  readonly #reloads: Reloads;
  readonly #attend: Attend | undefined;
  /** A signal has asked for an upgrade before there was a site: signal handlers are installed earlier than that. */
  #upgradeAsked = false;
  /** How many calls of `scale()` are still waiting. */
  #changes = 0;
  readonly #troubles = new TroubleFilter();
  readonly #alarm = new Alarm(() => this.#loop.enqueue({ type: 'wake' }));

  constructor(options: ResolvedOptions, notifier: Notifier, attend?: Attend) {
    this.#options = options;
    this.#attend = attend;
    this.#notifier = notifier;
    this.#target = options.workers;
    this.#ending = new Ending(options.drainDelay);
    this.#reloads = new Reloads(notifier);
    const act = (turn: Turn): void => (this.#table[turn.type] as (turn: Turn) => void)(turn);
    this.#loop = new Loop(act, () => this.#reconcile(), this.#stumble);
  }

  get state(): ArbiterState {
    return this.#state;
  }

  /** How many workers there should be. */
  get target(): number {
    return this.#target;
  }

  get crew(): Crew | undefined {
    return this.#staff?.crew;
  }

  get addresses(): readonly BoundAddress[] {
    return this.#site?.listeners.map(({ address }) => address) ?? [];
  }

  async start(): Promise<void> {
    if (this.#state !== 'idle') throw refusal('start', this.#state);
    const { source, name, app, workerClass } = this.#options;
    if (source.form === 'inline') this.#releaseName = takeName(name, { app, workerClass: workerClass.inline });
    this.#become('starting');
    const enqueue = (turn: Turn): void => this.#loop.enqueue(turn);
    const events = siteEvents(enqueue, this.#notifier, () => this.#snapshot());
    begin(this.#options, events, this.#abortOpening.signal, this.#attend).then(enqueue);
    await this.#until('start', () => this.#state === 'running');
  }

  async run(): Promise<void> {
    if (this.#state !== 'idle') throw refusal('run', this.#state);
    await this.start().catch((error) => {
      if (this.#ending.stage === undefined || this.#failure !== undefined) throw error;
    });
    await this.#loop.until(() => this.#state === 'stopped');
  }

  async stop(stage: EndStage): Promise<void> {
    if (this.#state === 'idle') this.#become('stopped');
    if (this.#state === 'stopped') return;
    this.#loop.enqueue({ type: 'stop', stage });
    await this.#loop.until(() => this.#state === 'stopped');
  }

  async scale(to: number): Promise<void> {
    if (this.#state !== 'running' && this.#state !== 'reloading') throw refusal('scale', this.#state);
    this.#changes++;
    try {
      this.#loop.enqueue({ type: 'scale', to });
      await this.#until('scale', () => {
        // Checked first: during a stop, no target is set, so the next line would blame another `scale()`.
        if (this.#state === 'stopping') throw refusal('scale', this.#state);
        if (this.#target !== to) throw refusal('scale', `overtaken by a change to ${this.#target}`);
        return this.crew?.holds(to) === true;
      });
    } finally {
      this.#changes--;
      this.#loop.enqueue({ type: 'wake' });
    }
  }

  async reload(): Promise<ReloadResult> {
    if (this.#state !== 'running' && this.#state !== 'reloading') throw refusal('reload', this.#state);
    const reload = this.#reloads.ask();
    reload.awaited = true;
    this.#loop.enqueue({ type: 'wake' });
    await this.#until('reload', () => isOver(reload, this.#state));
    return resultOf(reload);
  }

  async restart(id: number): Promise<void> {
    if (this.#state !== 'running' || !this.crew) throw refusal('restart', this.#state);
    const isDone = this.crew.restart(id);
    this.#loop.enqueue({ type: 'wake' });
    await this.#until('restart', () => isDone(this.#state));
  }

  async upgrade(): Promise<{ pid: number }> {
    if (this.#state !== 'running') throw refusal('upgrade', this.#state);
    return { pid: await (this.#site as Site).upgrade() };
  }

  stats(): ArbiterStats<ArbiterState> {
    this.#staff?.numbers.watch();
    return this.#snapshot();
  }

  async metrics(): Promise<string> {
    const { metrics } = await import('./opening.js');
    return metrics(this.#staff?.numbers, () => this.stats(), this.#options.workerClass.name ?? 'custom');
  }

  #snapshot(): ArbiterStats<ArbiterState> {
    const view = { name: this.#options.name, state: this.#state, target: this.#target, held: this.#reloads.hold.on };
    return snapshot(this.#staff?.numbers, { ...view, open: this.#site !== undefined });
  }

  readonly #table: TurnTable = {
    opened: ({ site, generation, staff }) => {
      this.#site = site;
      if (this.#upgradeAsked) site.askUpgrade();
      const onFailedStart = (failure: Error): void => {
        this.#failure = failure;
        this.#end(site.failStart(failure));
      };
      const start = { starting: () => this.#state === 'starting', onFailedStart };
      this.#staff = staff(site, generation, this.#options, this.#notifier, start);
    },
    unopened: ({ error }) => {
      if (this.#ending.stage === undefined) this.#failure = error;
      this.#finish();
    },
    message: (turn) => this.#staff?.workers.message(turn),
    overdue: (turn) => this.#staff?.workers.overdue(turn),
    exit: (turn) => this.#staff?.workers.exit(turn),
    trouble: (turn) => this.#staff?.workers.trouble(turn),
    tick: (turn) => this.#staff?.workers.tick(turn),
    signal: (turn) => {
      this.#notifier.emit('signal', turn.name, ...(turn.origin ? [turn.origin] : []));
      obey(turn, this.#orders, this.#state === 'stopping');
    },
    scale: ({ to }) => this.#scaleTo(to),
    stop: ({ stage }) => this.#end(stage),
    unbegun: ({ failure }) => this.#reloads.end(failure),
    closed: () => this.#finish(),
    wake: () => undefined,
  };

  readonly #orders: Orders = {
    scaleBy: (step) => this.#scaleTo(stepped(this.#target, step)),
    reload: () => this.#reloads.ask(),
    hold: () => this.#reloads.hold.ask(),
    reopenLogs: () => {
      reopenLogger(this.#options.logger);
      this.crew?.forward('SIGUSR1');
    },
    upgrade: () => {
      this.#upgradeAsked = this.#site === undefined;
      this.#site?.askUpgrade();
    },
    drain: () => this.#end('drain'),
    quit: () => this.#end(this.#ending.stage === 'quit' ? 'kill' : 'quit'),
  };

  #scaleTo(to: number): void {
    if (this.#state === 'stopping') return;
    this.#reloads.hold.end();
    if (to === this.#target) return;
    const from = this.#target;
    this.#target = to;
    this.#notifier.emit('scale', to, from);
  }

  /** Begins to stop, or stops harder. A stop never becomes gentler. */
  #end(stage: EndStage): void {
    const now = this.#state === 'starting' ? undefined : performance.now();
    if (!this.#ending.order(stage, now, this.#site?.leaves(stage))) return;
    if (this.#state !== 'stopping') this.#become('stopping');
    this.#abortOpening.abort();
    this.#alarm.set();
    if (stage !== 'kill') this.#notifier.emit('stop', { graceful: stage === 'drain' });
    if (this.#ending.drainAt === undefined) this.crew?.end(stage);
  }

  /** Runs after each turn: starts and ends workers so that they match the target, and moves the state on. */
  #reconcile(): void {
    if (!this.crew || this.#state === 'stopped') return;
    const now = performance.now();
    if (this.#ending.takeDrain(now)) this.crew.end('drain');
    if (this.#state === 'stopping' && this.#ending.drainAt === undefined) {
      if (this.crew.size === 0) this.#close();
      else this.crew.remind(this.#ending.stage ?? 'drain');
      return;
    }
    // Before `fill`: an empty slot must not get a worker of the old generation that the reload would replace at once.
    if (this.#state === 'running' && this.#reloads.due) {
      const failure = this.#reloads.begin(this.crew, this.#target);
      if (!failure) this.#become('reloading');
      // Deferred: a caller that retries at once would keep timers and signals from ever being handled.
      else setImmediate(() => this.#loop.enqueue({ type: 'unbegun', failure }));
    }
    if (this.#state === 'running') this.#reloads.hold.begin();
    const before = this.#state;
    const times = this.crew.fill(this.#reloads.hold.on ? 0 : this.#target, now, this.#ending.stage);
    if (this.#state === 'starting' && this.crew.complete(this.#target)) {
      this.#become('running');
      this.#site?.serves();
      this.#notifier.emit('ready');
    }
    const end = this.#state === 'reloading' ? this.crew.rolledOut(this.#target, now) : undefined;
    if (end) {
      this.#become('running');
      this.#reloads.end(end);
    }
    if (this.#state === 'running') this.#site?.upgradeIfAsked();
    // A reload or a hold that was asked for meanwhile begins in a turn of its own.
    if (this.#state !== before) this.#loop.enqueue({ type: 'wake' });
    else if (this.#state === 'running') times.push(...this.crew.tend(this.#target, now, this.#changes));
    this.#alarm.set(...times, this.#ending.drainAt);
  }

  #close(): void {
    if (this.#ending.takeClose()) this.#site?.close().then(() => this.#loop.enqueue({ type: 'closed' }));
  }

  /** A turn has thrown: reports the error, and has what is undone tried again. During the start, ends the start. */
  readonly #stumble = (thrown: unknown): void => {
    const error = asTrouble('the master could not do all that was to be done, and tries again', thrown);
    if (this.#state === 'starting') {
      this.#failure ??= error;
      this.#end('kill');
      if (!this.crew) this.#close();
    } else if (this.#troubles.passes(error, performance.now())) this.#notifier.report(error);
    if (this.#state !== 'stopped') this.#alarm.set(performance.now() + RETRY);
  };

  #finish(): void {
    this.#alarm.set();
    this.#site = undefined;
    this.#releaseName?.();
    this.#become('stopped');
    this.#notifier.emit('stopped');
  }

  /** The only place that changes the state. */
  #become(state: ArbiterState): void {
    checkMove(this.#state, state);
    debugArbiter('[%s] %s -> %s', this.#options.name, this.#state, state);
    this.#state = state;
  }

  #until(method: string, holds: () => boolean): Promise<void> {
    return this.#loop.until(() => {
      if (this.#state === 'stopped') throw this.#failure ?? refusal(method, this.#state);
      return holds();
    });
  }
}

import { EventEmitter } from 'eventemitter3';
import { debugArbiter } from './debug.js';
import type { ArbiterError } from './errors.js';
import { Alarm } from './master/alarm.js';
import { bootTimeoutFailure, reportedFailure, silentFailure } from './master/boot-failure.js';
import { Crew } from './master/crew.js';
import { type ArbiterEvents, timeoutReport } from './master/events.js';
import { createJournal } from './master/journal.js';
import type { BoundAddress } from './master/listener.js';
import { Loop } from './master/loop.js';
import { takeName } from './master/names.js';
import { createNotifier, type Notifier } from './master/notify.js';
import { passOn } from './master/reports.js';
import { openSite, type Site, type SiteEvents } from './master/site.js';
import { type ArbiterState, checkMove, refusal } from './master/states.js';
import { type ArbiterStats, EMPTY_STATS } from './master/stats.js';
import type { Turn, TurnTable } from './master/turns.js';
import { type EndStage, isHarder, type WorkerHandle, type WorkerInfo } from './master/worker-handle.js';
import { formatAddress } from './options/address.js';
import { integer } from './options/checks.js';
import { checkTls } from './options/tls.js';
import type { ArbiterOptions, Handler, ResolvedOptions } from './options/types.js';
import { validateOptions } from './options/validate.js';
import type { TimeoutReport } from './protocol.js';
import { spec } from './worker/context.js';
import { startInWorker } from './worker/serve.js';

/**
 * The master: it binds the sockets, keeps a number of worker processes alive, and knows nothing of clients.
 *
 * Constructing one has no effect but the check of the options; `start()` or `run()` begins. In a worker process of
 * the inline form, `start()` and `run()` of the Arbiter with the worker's name serve and never return; those of other
 * Arbiters resolve at once.
 *
 * @typeParam App - the type of the handler.
 * @throws {@link ArbiterError} `ERR_INVALID_OPTION`, which names the option.
 */
export class Arbiter<App = Handler> extends EventEmitter<ArbiterEvents> {
  /** Whether this process is a worker of some Arbiter. */
  static readonly isWorker: boolean = spec !== undefined;

  readonly #options: ResolvedOptions;
  readonly #notifier: Notifier;
  readonly #loop: Loop<Turn>;
  readonly #abortOpening = new AbortController();
  #state: ArbiterState = 'idle';
  #target: number;
  #site: Site | undefined;
  #crew: Crew | undefined;
  #startedAt: number | undefined;
  #endStage: EndStage | undefined;
  #failure: unknown;
  #releaseName: (() => void) | undefined;
  #closing = false;
  /** Changes of scale that somebody waits for. */
  #changes = 0;
  readonly #alarm = new Alarm(() => this.#loop.enqueue({ type: 'wake' }));

  constructor(options: ArbiterOptions<App>) {
    super();
    this.#options = validateOptions(options);
    if (!spec && this.#options.tls) checkTls(this.#options.tls);
    this.#target = this.#options.workers;
    const journal = createJournal(this.#options, () => this.#target);
    this.#notifier = createNotifier(this as never, journal);
    const act = (turn: Turn): void => (this.#table[turn.type] as (turn: Turn) => void)(turn);
    this.#loop = new Loop(act, () => this.#reconcile());
  }

  get state(): ArbiterState {
    return this.#state;
  }

  /** The bound addresses, in the order of `bind`; empty before they are bound and after the stop. */
  get addresses(): readonly BoundAddress[] {
    return this.#site?.listeners.map(({ address }) => address) ?? [];
  }

  /** The living workers, oldest first; those that drain are among them. */
  get workers(): readonly WorkerInfo[] {
    return this.#crew?.infos() ?? [];
  }

  /**
   * Binds, spawns, and resolves when all workers are ready. Rejects when an address cannot be bound (`ERR_BIND`) or a
   * worker fails to boot (`ERR_APP_LOAD`, `ERR_WORKER_BOOT`, `ERR_BOOT_TIMEOUT`); then nothing is left behind.
   * `ERR_STATE` when it was started before, or is stopped meanwhile.
   */
  async start(): Promise<void> {
    if (spec) return startInWorker(this.#options);
    if (this.#state !== 'idle') throw refusal('start', this.#state);
    const { source, name } = this.#options;
    if (source.form === 'inline') this.#releaseName = takeName(name);
    this.#become('starting');
    const events: SiteEvents = {
      onTurn: (turn) => this.#loop.enqueue(turn),
      onSignal: (name) => this.#loop.enqueue({ type: 'signal', name }),
      onError: this.#notifier.report,
    };
    openSite(this.#options, events, this.#abortOpening.signal).then(
      (site) => this.#loop.enqueue({ type: 'opened', site }),
      (error) => this.#loop.enqueue({ type: 'unopened', error }),
    );
    await this.#until('start', () => this.#state === 'running');
  }

  /** `start()`, then resolves when the arbiter has stopped, by a signal or `stop()`; also when that happens while it starts. */
  async run(): Promise<void> {
    if (!spec && this.#state !== 'idle') throw refusal('run', this.#state);
    try {
      await this.start();
    } catch (error) {
      if (this.#endStage === undefined || this.#failure !== undefined) throw error;
    }
    if (!spec) await this.#loop.until(() => this.#state === 'stopped');
  }

  /**
   * Ends the workers and undoes `start()`; resolves when that is done. Graceful: each request in flight may end within
   * `gracefulTimeout`. Not graceful: workers exit at once. May be called at any time and again, also to hurry up.
   */
  async stop({ graceful = true }: { readonly graceful?: boolean } = {}): Promise<void> {
    if (spec) return;
    if (this.#state === 'idle') this.#become('stopped');
    if (this.#state === 'stopped') return;
    this.#loop.enqueue({ type: 'stop', stage: graceful ? 'drain' : 'quit' });
    await this.#loop.until(() => this.#state === 'stopped');
  }

  /**
   * Changes the number of workers, at least 1; resolves when that many are ready and the rest are gone. The oldest
   * are drained first. Rejects with `ERR_STATE` unless it runs, or when another change overtakes this one.
   */
  async scale(workers: number): Promise<void> {
    const to = integer(1)(workers, 'workers of scale()');
    if (this.#state !== 'running') throw refusal('scale', this.#state);
    this.#changes++;
    try {
      this.#loop.enqueue({ type: 'scale', to });
      await this.#until('scale', () => {
        if (this.#target !== to) throw refusal('scale', `overtaken by a change to ${this.#target}`);
        return this.#crew?.complete(to) === true && this.#crew.size === to;
      });
    } finally {
      this.#changes--;
      this.#loop.enqueue({ type: 'wake' });
    }
  }

  /** A snapshot: state, counters, and what each worker last wrote to its slot of the scoreboard. */
  stats(): ArbiterStats<ArbiterState> {
    return {
      name: this.#options.name,
      pid: process.pid,
      state: this.#state,
      generation: 1,
      target: this.#target,
      uptime: this.#startedAt === undefined ? 0 : performance.now() - this.#startedAt,
      ...(this.#crew?.stats(this.#target) ?? EMPTY_STATS),
    };
  }

  /** `stop()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  readonly #table: TurnTable = {
    opened: ({ site }) => {
      this.#site = site;
      this.#crew = new Crew(site, this.#options, this.#notifier);
      this.#startedAt = performance.now();
    },
    unopened: ({ error }) => {
      if (this.#endStage === undefined) this.#failure = error;
      this.#finish();
    },
    message: ({ worker, message }) => {
      // A worker that was reaped before its pipe had been read to the end.
      if (!this.#crew?.has(worker)) return;
      if (message.type === 'ready') this.#crew.welcome(worker);
      else if (message.type === 'timeout') this.#onTimeout(worker, timeoutReport(message));
      else if (message.type !== 'failed') passOn(worker, message, this.#notifier);
      else if (!worker.ready) {
        this.#onBootFailure(worker, reportedFailure(worker.id, message, this.#options.bind.map(formatAddress)));
      }
    },
    overdue: ({ worker }) => {
      if (worker.ready || worker.leaving || worker.timedOut) return;
      this.#onTimeout(worker, { clock: 'boot', elapsed: worker.lived, answered: false });
      worker.signal('SIGKILL');
    },
    exit: (turn) => {
      const { worker, error } = turn;
      if (!this.#crew?.has(worker)) return;
      const exit = this.#crew.explain(turn);
      if (!worker.ready) this.#onBootFailure(worker, silentFailure(worker.id, exit, error));
      this.#crew.bury(turn, exit);
    },
    signal: ({ name }) => {
      this.#notifier.emit('signal', name);
      if (name === 'SIGTTIN') this.#scaleTo(this.#target + 1);
      else if (name === 'SIGTTOU') this.#scaleTo(Math.max(1, this.#target - 1));
      else if (name === 'SIGTERM') this.#end('drain');
      else this.#end(this.#endStage === 'quit' ? 'kill' : 'quit');
    },
    scale: ({ to }) => this.#scaleTo(to),
    stop: ({ stage }) => this.#end(stage),
    tick: () => this.#crew?.tick(),
    closed: () => this.#finish(),
    wake: () => undefined,
  };

  /** One failure is enough: at the first start it ends everything, later it is reported and the slot tried again. */
  #onBootFailure(worker: WorkerHandle, failure: ArbiterError): void {
    if (worker.failure || worker.leaving) return;
    worker.failure = failure;
    const starting = this.#state === 'starting';
    // At the start the rejection tells of it; later, without a listener or a log, nobody else would.
    if (this.#notifier.listens('worker:error') || starting) this.#notifier.emit('worker:error', worker.info(), failure);
    else process.emitWarning(failure);
    if (!starting) return;
    this.#failure = failure;
    this.#end('kill');
  }

  #onTimeout(worker: WorkerHandle, report: TimeoutReport): void {
    this.#crew?.timeOut(worker, report);
    if (worker.ready || report.clock !== 'boot') return;
    this.#onBootFailure(worker, bootTimeoutFailure(worker.id, this.#options.clocks.bootTimeout));
  }

  #scaleTo(to: number): void {
    if (this.#state === 'stopping' || to === this.#target) return;
    const from = this.#target;
    this.#target = to;
    this.#notifier.emit('scale', to, from);
  }

  /** Begins to end, or hurries up; never slows down. */
  #end(stage: EndStage): void {
    if (!isHarder(stage, this.#endStage)) return;
    this.#endStage = stage;
    if (this.#state !== 'stopping') this.#become('stopping');
    this.#abortOpening.abort();
    this.#alarm.set();
    if (stage !== 'kill') this.#notifier.emit('stop', { graceful: stage === 'drain' });
    this.#crew?.end(stage);
  }

  /** Draws the conclusions of a turn: what the target asks for, and where the state leads. */
  #reconcile(): void {
    if (!this.#crew || this.#state === 'stopped') return;
    if (this.#state === 'stopping') {
      if (this.#crew.size === 0) this.#close();
      return;
    }
    const now = performance.now();
    const times = this.#crew.fill(this.#target, now);
    if (this.#state === 'starting' && this.#crew.complete(this.#target)) {
      this.#become('running');
      this.#notifier.emit('ready');
    }
    // Who waits for a change would wait for ever if one worker after another were recycled meanwhile.
    if (this.#state === 'running' && this.#changes === 0) times.push(this.#crew.recycle(this.#target, now));
    this.#alarm.set(...times);
  }

  #close(): void {
    if (this.#closing) return;
    this.#closing = true;
    const closed = (): void => this.#loop.enqueue({ type: 'closed' });
    this.#site?.close().catch(this.#notifier.report).then(closed);
  }

  #finish(): void {
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

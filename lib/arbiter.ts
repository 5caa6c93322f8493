import { EventEmitter } from 'eventemitter3';
import { debugArbiter } from './debug.js';
import { ArbiterError } from './errors.js';
import { bootTimeoutFailure, reportedFailure, silentFailure } from './master/boot-failure.js';
import type { ArbiterEvents } from './master/events.js';
import type { BoundAddress } from './master/listener.js';
import { Loop } from './master/loop.js';
import { Roster } from './master/roster.js';
import { openSite, type Site } from './master/site.js';
import { type ArbiterState, checkMove, refusal } from './master/states.js';
import { type ArbiterStats, Tally, workerStats } from './master/stats.js';
import type { EndStage, ExitReason, WorkerHandle, WorkerInfo, WorkerTurn } from './master/worker-handle.js';
import { formatAddress } from './options/address.js';
import { integer } from './options/checks.js';
import type { ArbiterOptions, Handler, MasterSignal, ResolvedOptions } from './options/types.js';
import { validateOptions } from './options/validate.js';
import { reviveError } from './protocol.js';
import { type SlotRecord, STATE } from './scoreboard.js';
import { spec } from './worker/context.js';
import { lifecycle } from './worker/prelude.js';

/** What the loop acts on. Whatever happens is put into its queue as one of these. */
type Turn =
  | WorkerTurn
  | { readonly type: 'opened'; readonly site: Site }
  | { readonly type: 'unopened'; readonly error: unknown }
  | { readonly type: 'signal'; readonly name: MasterSignal }
  | { readonly type: 'scale'; readonly to: number }
  | { readonly type: 'stop'; readonly stage: EndStage }
  | { readonly type: 'closed' }
  | { readonly type: 'wake' };
type Table = { readonly [T in Turn['type']]: (turn: Extract<Turn, { type: T }>) => void };

const STAGES: readonly EndStage[] = ['drain', 'quit', 'kill'];
/** A quick stop lets no request end, so it needs no longer than this. Milliseconds. */
const QUICK_LIMIT = 5_000;

/**
 * The inline Arbiters that run in this process. A worker finds its Arbiter by name: a second one of the same name
 * would be served the application of the first.
 */
const inlineNames = new Set<string>();

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
  readonly #loop: Loop<Turn>;
  readonly #roster = new Roster<WorkerHandle>();
  readonly #tally = new Tally();
  readonly #abortOpening = new AbortController();
  #state: ArbiterState = 'idle';
  #site: Site | undefined;
  #target: number;
  #ages = 0;
  #startedAt: number | undefined;
  #endStage: EndStage | undefined;
  #failure: unknown;
  #listening = false;
  #closing = false;
  #wakeTimer: NodeJS.Timeout | undefined;

  constructor(options: ArbiterOptions<App>) {
    super();
    this.#options = validateOptions(options);
    this.#target = this.#options.workers;
    this.#loop = new Loop<Turn>(
      (turn) => (this.#table[turn.type] as (turn: Turn) => void)(turn),
      () => this.#reconcile(),
    );
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
    return this.#roster.all().map((worker) => worker.info());
  }

  /**
   * Binds, spawns, and resolves when all workers are ready. Rejects when an address cannot be bound (`ERR_BIND`) or a
   * worker fails to boot (`ERR_APP_LOAD`, `ERR_WORKER_BOOT`, `ERR_BOOT_TIMEOUT`); then nothing is left behind.
   * `ERR_STATE` when it was started before, or is stopped meanwhile.
   */
  async start(): Promise<void> {
    if (spec && lifecycle) return this.#startInWorker();
    if (this.#state !== 'idle') throw refusal('start', this.#state);
    const { source, name } = this.#options;
    if (source.form === 'inline') {
      if (inlineNames.has(name)) {
        throw new ArbiterError(
          'ERR_STATE',
          `start: another Arbiter named '${name}' with an inline app runs in this process; option 'name' must tell them apart`,
        );
      }
      inlineNames.add(name);
    }
    this.#become('starting');
    openSite(
      this.#options,
      {
        onTurn: (turn) => this.#loop.enqueue(turn),
        onSignal: (name) => this.#loop.enqueue({ type: 'signal', name }),
        onError: (error) => this.#report(error),
      },
      this.#abortOpening.signal,
    ).then(
      (site) => this.#loop.enqueue({ type: 'opened', site }),
      (error) => this.#loop.enqueue({ type: 'unopened', error }),
    );
    return this.#until('start', () => this.#state === 'running');
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
    this.#loop.enqueue({ type: 'scale', to });
    await this.#until('scale', () => {
      if (this.#target !== to)
        throw new ArbiterError('ERR_STATE', `scale: the change to ${to} was overtaken by one to ${this.#target}`);
      return this.#complete() && this.#roster.size === to;
    });
  }

  /** A snapshot: state, counters, and what each worker last wrote to its slot of the scoreboard. */
  stats(): ArbiterStats<ArbiterState> {
    const workers = this.#roster.all().map((worker) => workerStats(worker.info(), this.#record(worker)));
    return {
      name: this.#options.name,
      pid: process.pid,
      state: this.#state,
      generation: 1,
      target: this.#target,
      uptime: this.#startedAt === undefined ? 0 : performance.now() - this.#startedAt,
      totals: this.#tally.totals(workers),
      workers,
    };
  }

  /** `stop()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  readonly #table: Table = {
    opened: ({ site }) => {
      this.#site = site;
      this.#startedAt = performance.now();
    },
    unopened: ({ error }) => {
      this.#failure ??= this.#endStage === undefined ? error : undefined;
      this.#finish();
    },
    message: ({ worker, message }) => {
      // A worker that was reaped after its pipe had been read late.
      if (!this.#roster.has(worker)) return;
      if (message.type === 'ready') this.#onReady(worker);
      else if (message.type === 'error') this.#emit('worker:error', worker.info(), reviveError(message.error));
      else if (!worker.ready)
        this.#onBootFailure(worker, reportedFailure(worker.id, message, this.#options.bind.map(formatAddress)));
    },
    overdue: ({ worker }) => {
      if (worker.ready || worker.leaving) return;
      worker.timedOut = true;
      this.#tally.timeouts++;
      this.#emit('worker:timeout', worker.info(), { clock: 'boot', elapsed: worker.lived, answered: false });
      worker.signal('SIGKILL');
      this.#onBootFailure(worker, bootTimeoutFailure(worker.id, this.#options.bootTimeout));
    },
    exit: ({ worker, code, signal, error }) => this.#onExit(worker, code, signal, error),
    signal: ({ name }) => {
      this.#emit('signal', name);
      const quit = this.#endStage === 'quit' ? 'kill' : 'quit';
      if (name === 'SIGTTIN') this.#table.scale({ type: 'scale', to: this.#target + 1 });
      else if (name === 'SIGTTOU') this.#table.scale({ type: 'scale', to: Math.max(1, this.#target - 1) });
      else this.#table.stop({ type: 'stop', stage: name === 'SIGTERM' ? 'drain' : quit });
    },
    scale: ({ to }) => {
      if (this.#state === 'stopping' || to === this.#target) return;
      const from = this.#target;
      this.#target = to;
      this.#emit('scale', to, from);
    },
    stop: ({ stage }) => this.#end(stage),
    closed: () => this.#finish(),
    wake: () => undefined,
  };

  #onReady(worker: WorkerHandle): void {
    if (worker.ready || worker.failure) return;
    worker.markReady();
    if (!this.#listening) {
      this.#listening = true;
      for (const address of this.addresses) this.#emit('listening', address);
    }
    this.#emit('worker:ready', worker.info());
  }

  /** One failure is enough: at the first start it ends everything, later it is reported and the slot tried again. */
  #onBootFailure(worker: WorkerHandle, failure: ArbiterError): void {
    if (worker.failure || worker.leaving) return;
    worker.failure = failure;
    if (this.listenerCount('worker:error') > 0) this.#emit('worker:error', worker.info(), failure);
    else if (this.#state === 'running') process.emitWarning(failure);
    if (this.#state !== 'starting') return;
    this.#failure = failure;
    this.#end('kill');
  }

  #onExit(
    worker: WorkerHandle,
    code: number | null,
    signal: NodeJS.Signals | null,
    spawnError: Error | undefined,
  ): void {
    if (!this.#roster.has(worker)) return;
    const record = this.#record(worker);
    // A worker without a shell kills itself and leaves the code that it would have exited with.
    const told = signal === 'SIGKILL' ? record?.exitCode : undefined;
    const exit = told === undefined ? { code, signal } : { code: told, signal: null };
    if (!worker.ready) this.#onBootFailure(worker, silentFailure(worker.id, exit.code, exit.signal, spawnError));
    this.#roster.remove(worker);
    this.#tally.bury(record);
    this.#site?.bury(worker);

    const reason = exitReason(worker, record, exit.code);
    const request = reason !== 'boot' && record?.request;
    if (reason === 'crash') this.#tally.crashes++;
    this.#emit('worker:exit', worker.info(), { ...exit, reason, ...(request && { request }) });
    if (this.#state !== 'running' || reason === 'stop' || reason === 'scale') return;
    const kind = spawnError ? 'spawn' : worker.ready ? 'crash' : 'boot';
    const backoff = this.#roster.fail(worker.id, kind, worker.served, performance.now(), Math.random());
    if (backoff.delay > 0) this.#emit('worker:backoff', worker.id, backoff);
  }

  /** Draws the conclusions of a turn: what the target asks for, and where the state leads. */
  #reconcile(): void {
    const site = this.#site;
    if (!site) return;
    if (this.#state === 'stopping') {
      if (this.#roster.size > 0 || this.#closing) return;
      this.#closing = true;
      site.close().then(
        () => this.#loop.enqueue({ type: 'closed' }),
        (error) => this.#report(error),
      );
      return;
    }
    const plan = this.#roster.plan(this.#target, performance.now());
    for (const worker of plan.retire) worker.end('scale', 'drain', this.#options.gracefulTimeout);
    for (const id of plan.spawn) this.#spawn(site, id);
    this.#wake(plan.wakeAt);
    if (this.#state === 'starting' && this.#complete()) {
      this.#become('running');
      this.#emit('ready');
    }
  }

  #spawn(site: Site, id: number): void {
    if (this.#state === 'running' && this.#ages >= this.#options.workers) this.#tally.respawns++;
    const worker = site.spawn(id, ++this.#ages, 1);
    this.#roster.add(worker);
    this.#emit('worker:spawn', worker.info());
  }

  // Not unreferenced: it may be all that is left of a service whose workers all wait.
  #wake(at: number | undefined): void {
    clearTimeout(this.#wakeTimer);
    if (at === undefined) return;
    this.#wakeTimer = setTimeout(() => this.#loop.enqueue({ type: 'wake' }), Math.max(1, at - performance.now()));
  }

  /** Whether as many workers as should be are ready, and none more stays. */
  #complete(): boolean {
    const staying = this.#roster.staying();
    return staying.length === this.#target && staying.every((worker) => worker.ready);
  }

  /** Begins to end, or hurries up; never slows down. */
  #end(stage: EndStage): void {
    if (this.#endStage !== undefined && STAGES.indexOf(stage) <= STAGES.indexOf(this.#endStage)) return;
    this.#endStage = stage;
    if (this.#state !== 'stopping') this.#become('stopping');
    this.#abortOpening.abort();
    clearTimeout(this.#wakeTimer);
    if (stage !== 'kill') this.#emit('stop', { graceful: stage === 'drain' });
    const { gracefulTimeout } = this.#options;
    const limit = stage === 'drain' ? gracefulTimeout : Math.min(gracefulTimeout, QUICK_LIMIT);
    for (const worker of this.#roster.all()) worker.end('stop', stage, limit);
  }

  #finish(): void {
    this.#site = undefined;
    inlineNames.delete(this.#options.name);
    this.#become('stopped');
    this.#emit('stopped');
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

  #record(worker: WorkerHandle): SlotRecord | undefined {
    const record = this.#site?.board.read(worker.slot);
    return record?.pid === worker.pid ? record : undefined;
  }

  async #startInWorker(): Promise<void> {
    if (!spec || !lifecycle || spec.app !== undefined || spec.name !== this.#options.name) return;
    const { serve } = await import('./worker/serve.js');
    return serve(spec, lifecycle, this.#options.app);
  }

  /** The one place where listeners are called: what they throw cannot reach the loop. */
  #emit<E extends keyof ArbiterEvents>(event: E, ...args: ArbiterEvents[E]): void {
    try {
      (this.emit as (event: E, ...args: unknown[]) => boolean).call(this, event, ...args);
    } catch (cause) {
      const error = new ArbiterError('ERR_LISTENER', `a listener of '${event}' threw: ${(cause as Error)?.message}`, {
        cause,
      });
      if (event === 'error') process.emitWarning(error);
      else this.#report(error);
    }
  }

  #report(error: Error): void {
    if (this.listenerCount('error') > 0) this.#emit('error', error);
    else process.emitWarning(error);
  }
}

function exitReason(worker: WorkerHandle, record: SlotRecord | undefined, code: number | null): ExitReason {
  if (worker.timedOut) return 'timeout';
  if (worker.failure) return 'boot';
  if (worker.leavingFor !== undefined) return worker.leavingFor;
  return code === 0 && record?.state === STATE.DRAINING ? 'stop' : 'crash';
}

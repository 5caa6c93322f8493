import { EventEmitter } from 'eventemitter3';
import type { BroadcastResult, Post, SendOptions } from './master/crew/post.js';
import type { WorkerStack } from './master/crew/stacks.js';
import { type ArbiterState, refusal } from './master/loop/states.js';
import { Master } from './master/master.js';
import type { Attend } from './master/opening.js';
import type { ArbiterStats } from './master/scoreboard/stats.js';
import type { BoundAddress } from './master/sockets/listener.js';
import type { ArbiterEvents, ReloadResult } from './master/tell/events.js';
import { createJournal } from './master/tell/journal.js';
import { callListeners } from './master/tell/listeners.js';
import { mirror } from './master/tell/mirror.js';
import { createNotifier, type Notifier } from './master/tell/notify.js';
import type { WorkerInfo } from './master/workers/worker-info.js';
import { refuseBundled } from './options/bundled.js';
import { boolean, integer, MOST_WORKERS, named } from './options/checks.js';
import type { Handler } from './options/handler.js';
import type { ResolvedOptions } from './options/resolved.js';
import { readTls } from './options/tls.js';
import type { ArbiterOptions } from './options/types.js';
import { validateOptions } from './options/validate.js';
import { foreign, spec } from './worker/context.js';
import { startByFirstCopy } from './worker/entry/other-copy.js';
import { startInWorker } from './worker/entry/serve.js';

/** Else it would become a master within a worker. */
const FOREIGN =
  'this process is a worker of another copy, or version, of this library than the one that the script imports; start the master anew, and if a bundler has put one into the script, mark prefork external';

/**
 * The master: it binds the sockets, keeps a number of worker processes alive, and knows nothing of clients.
 *
 * Constructing one has no effect but the check of the options; `start()` or `run()` begins. In a worker process of
 * the inline form, `start()` and `run()` of the Arbiter with the worker's name serve and never return; those of other
 * Arbiters resolve at once.
 *
 * @typeParam App - the type of the handler.
 * @throws {@link ArbiterError} `ERR_INVALID_OPTION`, which names the option. `ERR_BUNDLED` where a bundler has put this library into a file of the application.
 */
export class Arbiter<App = Handler> extends EventEmitter<ArbiterEvents> {
  /** Whether this process is a worker of some Arbiter. */
  static readonly isWorker: boolean = spec !== undefined || foreign;

  readonly #given: ArbiterOptions<App>;
  readonly #options: ResolvedOptions;
  readonly #master: Master;
  readonly #notifier: Notifier;

  constructor(options: ArbiterOptions<App>) {
    super();
    if (!spec && !foreign) refuseBundled();
    this.#given = options;
    this.#options = validateOptions(options);
    if (!spec && this.#options.tls) readTls(this.#options.tls);
    const journal = createJournal(this.#options, () => this.#master.target);
    this.#notifier = createNotifier(this as never, journal);
    this.#notifier.observe(mirror(this.#options.name));
    this.#master = new Master(this.#options, this.#notifier, this.#control());
  }

  /** What opens the control; undefined where there is none. */
  #control(): Attend | undefined {
    const { control } = this.#options;
    if (control === false) return undefined;
    return async (abort) => {
      const { openControlOf } = await import('./control/attach.js');
      return openControlOf(control, this, this.#options, this.#notifier, abort);
    };
  }

  get state(): ArbiterState {
    return this.#master.state;
  }

  /** The bound addresses, in the order of `bind`; empty before they are bound and after the stop. */
  get addresses(): readonly BoundAddress[] {
    return this.#master.addresses;
  }

  /** The living workers, oldest first; those that drain are among them. */
  get workers(): readonly WorkerInfo[] {
    return this.#master.crew?.infos() ?? [];
  }

  /**
   * Binds, spawns, and resolves when all workers are ready. Rejects when an address cannot be bound (`ERR_BIND`) or a
   * worker fails to boot (`ERR_APP_LOAD`, `ERR_WORKER_BOOT`, `ERR_BOOT_TIMEOUT`); then nothing is left behind.
   * `ERR_STATE` when it was started before, or is stopped meanwhile.
   */
  async start(): Promise<void> {
    if (spec) return startInWorker(this.#options);
    if (foreign) return this.#startByFirst('start');
    await this.#master.start();
  }

  /** `start()`, then resolves when the arbiter has stopped, by a signal or `stop()`; also when that happens while it starts. */
  async run(): Promise<void> {
    if (spec) return startInWorker(this.#options);
    if (foreign) return this.#startByFirst('run');
    await this.#master.run();
  }

  async #startByFirst(method: string): Promise<void> {
    const start = startByFirstCopy(this.#given);
    if (start === undefined) throw refusal(method, FOREIGN);
    await start;
  }

  /**
   * Ends the workers and undoes `start()`; resolves when that is done. Graceful: each request in flight may end within
   * `gracefulTimeout`. Not graceful: workers exit at once. May be called at any time and again, also to hurry up.
   */
  async stop(options: { readonly graceful?: boolean | undefined } = {}): Promise<void> {
    // As the listener of a signal, it gets the name of that.
    const given: { readonly graceful?: boolean | undefined } = typeof options === 'string' ? {} : options;
    const { graceful = true } = named(given, 'stop()', ['graceful']);
    const stage = boolean(graceful, 'graceful of stop()') ? 'drain' : 'quit';
    if (!spec) await this.#master.stop(stage);
  }

  /**
   * Changes the number of workers, 1 to 4096; resolves when that many are ready and the rest are gone. Those that serve
   * nobody go first, then the oldest. It waits for as long as workers cannot boot: they are tried again, and `'degraded'` says so. Rejects with `ERR_STATE` unless it
   * runs, or when another change overtakes this one, or a stop.
   */
  async scale(workers: number): Promise<void> {
    await this.#master.scale(integer(1, MOST_WORKERS)(workers, 'workers of scale()'));
  }

  /**
   * Replaces all workers by a new generation, which loads everything anew: the application, the host's script in the inline form,
   * certificates, and the working directory with its links. New workers are started beside the old ones, `surge` at a time; once
   * they have been ready for a second, the old ones of their slots finish their requests and end. Resolves when the last
   * old one is gone. Called during a reload, it waits for that one and begins another. Gunicorn: HUP.
   *
   * When a new worker fails before that second is over, all new ones end, the old generation serves on, and it rejects with
   * `ERR_RELOAD_FAILED`, the cause being how the worker failed. `ERR_STATE` unless the arbiter runs, or when it is stopped meanwhile.
   */
  async reload(): Promise<ReloadResult> {
    if (spec) throw refusal('reload', 'this process is a worker');
    return this.#master.reload();
  }

  /**
   * Replaces the worker of one slot, as with `maxRequests`: another one is ready before it drains. Resolves when it is gone. Rejects
   * with `ERR_WORKER_BOOT` when the other one fails: then it serves on. `ERR_STATE` unless the arbiter runs and that slot has a ready worker, or
   * when it is stopped meanwhile. Others that are due, and a change of scale, come first; a reload does the same. Slots that fail again and again
   * (`'degraded'`) are not waited for: it is tried, and serves on if the other one fails too.
   */
  async restart(id: number): Promise<void> {
    await this.#master.restart(integer(1)(id, 'id of restart()'));
  }

  /**
   * Starts the command of this process once more, with the listening sockets of all its Arbiters but those that stop; resolves with the pid of the new process
   * when all of these are served there too. From then on both serve, until one is told to stop: this one, whose work is
   * done then, or the new one, if it is not liked. The new process has the host's own script loaded anew, and node itself. Gunicorn: USR2.
   *
   * Rejects with `ERR_UPGRADE_FAILED` when the new process ends, or does not get so far within `bootTimeout`, the longest of all, and half a
   * minute; then nothing has changed. Also when an Arbiter of this process is told to stop meanwhile. `ERR_STATE` unless the arbiter runs, while another one starts, while there is a process from an upgrade before, or where one is under way that began before this Arbiter was started.
   */
  async upgrade(): Promise<{ readonly pid: number }> {
    if (spec) throw refusal('upgrade', 'this process is a worker');
    return this.#master.upgrade();
  }

  /**
   * Sends a message to the application in the worker of a slot: any JSON, below 1 MB. Its listeners, `worker.on('message')`, are called in the
   * order of the calls, once; in a worker with threads those of each thread, or of the one that is named. Resolves when they have been called.
   * While a slot changes hands, it is the worker that serves that gets it, and one that boots if there is no other: when it is up.
   *
   * Rejects with `ERR_MESSAGE_LOST` when the slot is empty, nobody listens, or the worker, or a thread that was to hear it, ends before it has said so;
   * {@link ArbiterError.mayBeHeard} is whether it may have been heard then. `ERR_MESSAGE_ROOM`: too much is under way to this worker, 65,536 messages or
   * 16 Mi characters of JSON. `ERR_STATE` before the start, and when it has stopped: while it stops, workers that have not been told to end hear. A `TypeError` or `RangeError` for what JSON, or its length, is against.
   *
   * @param id - the slot, from 1.
   */
  async send(id: number, message: unknown, options?: SendOptions): Promise<void> {
    return this.#post('send').send(id, message, options);
  }

  /**
   * The same to all workers that have not been told to end, of whatever generation, and to {@link ArbiterOptions.spares}: those that boot get it when they are
   * up, since they may have loaded what it makes invalid. Resolves with what has become of it, when that is known of each.
   */
  async broadcast(message: unknown): Promise<BroadcastResult> {
    return this.#post('broadcast').broadcast(message);
  }

  #post(method: string): Post {
    if (spec) throw refusal(method, 'this process is a worker');
    const { crew, state } = this.#master;
    if (!crew || state === 'stopped') throw refusal(method, state);
    return crew.post;
  }

  /**
   * All that `stats()` says, as the text that Prometheus reads (version 0.0.4, `Content-Type: text/plain; version=0.0.4`), in seconds and bytes,
   * each with the label `name`; and the metrics of the workers' own registries, see {@link OwnWorker.metrics}. A worker that has some is asked for them first; one
   * that does not answer within 250 ms is known by its last ones. Rejects with `ERR_STATE` in a worker.
   */
  async metrics(): Promise<string> {
    if (spec) throw refusal('metrics', 'this process is a worker');
    return this.#master.metrics();
  }

  /** A snapshot: state, counters, and what each worker last wrote to its slot of the scoreboard. */
  stats(): ArbiterStats<ArbiterState> {
    return this.#master.stats();
  }

  /**
   * What each worker, and each thread of one, is doing at this moment: JavaScript, with the stack; native code, with what the kernel says of the thread; or
   * waiting, with the kinds of resources. Also those that boot, drain or hang. It resolves within about two seconds: of a worker that has not answered by
   * then, `doing` is absent. To take a stack holds its thread for some milliseconds; one whose event loop turns is not held.
   * `ERR_STATE` in a worker.
   */
  async stacks(): Promise<readonly WorkerStack[]> {
    if (spec) throw refusal('stacks', 'this process is a worker');
    return this.#master.crew?.stacks() ?? [];
  }

  /**
   * Calls the listeners of an event, each by itself: what one throws, or rejects with if it is async, is told by an `error`, `ERR_LISTENER`, and the
   * others are called.
   */
  override emit<E extends keyof ArbiterEvents>(event: E, ...args: ArbiterEvents[E]): boolean {
    return callListeners(this, event, args, this.#notifier.failed);
  }

  /** `stop()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

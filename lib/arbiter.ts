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
import { foreign, inThread, spec } from './worker/context.js';
import { startByFirstCopy } from './worker/entry/other-copy.js';
import { startInWorker } from './worker/entry/serve.js';

/**
 * For a worker process that another copy of this library has begun. Without the refusal, the Arbiter would become a
 * master within a worker.
 */
const FOREIGN =
  'this process is a worker of another copy, or version, of this library than the one that the script imports; start the master anew, and if a bundler has put one into the script, mark prefork external';

/** For a thread of a worker, which could become a master too. */
const IN_THREAD =
  "this is a thread that the application of a worker has started, and a worker has no workers of its own; where the host itself runs in a thread, each worker starts that thread again: give 'app' as a module, new URL('./app.mjs', import.meta.url)";

/**
 * The master: it binds the sockets, keeps a number of worker processes alive, and knows nothing of clients.
 *
 * The constructor only checks the options; `start()` or `run()` begins. In the inline form, the option `app` is the
 * handler itself, not the name of a module, and each worker process runs the host's script again. In a worker,
 * `start()` and `run()` of the Arbiter with the worker's name serve and never return; those of other Arbiters resolve
 * at once.
 *
 * @typeParam App - the type of the handler.
 * @throws {@link ArbiterError} `ERR_INVALID_OPTION`, which names the option. `ERR_BUNDLED` where a bundler has put this
 * library into a file of the application.
 */
export class Arbiter<App = Handler> extends EventEmitter<ArbiterEvents> {
  /** Whether this process is a worker of some Arbiter; true in all of its threads, too. */
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
    if (!spec && !foreign && this.#options.tls) readTls(this.#options.tls);
    const journal = createJournal(this.#options, () => this.#master.target);
    this.#notifier = createNotifier(this as never, journal);
    this.#notifier.observe(mirror(this.#options.name));
    this.#master = new Master(this.#options, this.#notifier, this.#control());
  }

  /**
   * Returns the function that opens the control, the HTTP server of the option `control`; undefined where that is
   * `false`.
   */
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

  /** The living workers, oldest first, including those that are draining. */
  get workers(): readonly WorkerInfo[] {
    return this.#master.crew?.infos() ?? [];
  }

  /**
   * Binds the addresses, spawns the workers, and resolves when all of them are ready. Rejects when an address cannot be
   * bound (`ERR_BIND`) or a worker fails to boot (`ERR_APP_LOAD`, `ERR_WORKER_BOOT`, `ERR_BOOT_TIMEOUT`); then nothing
   * is left behind. Rejects with `ERR_STATE` when the Arbiter was started before, or is stopped meanwhile.
   */
  async start(): Promise<void> {
    if (spec) return startInWorker(this.#options);
    if (foreign) return this.#startByFirst('start');
    await this.#master.start();
  }

  /**
   * Calls `start()`, and resolves when the Arbiter has stopped, by a signal or by `stop()`, even if that happens while
   * it starts.
   */
  async run(): Promise<void> {
    if (spec) return startInWorker(this.#options);
    if (foreign) return this.#startByFirst('run');
    await this.#master.run();
  }

  async #startByFirst(method: string): Promise<void> {
    const start = startByFirstCopy(this.#given);
    if (start === undefined) throw refusal(method, inThread ? IN_THREAD : FOREIGN);
    await start;
  }

  /**
   * Ends the workers and undoes `start()`; resolves when that is done. A graceful stop gives each request in flight up
   * to `gracefulTimeout` to finish; otherwise, workers exit at once. May be called at any time, and again:
   * `stop({ graceful: false })` hurries up a graceful stop that is under way.
   */
  async stop(options: { readonly graceful?: boolean | undefined } = {}): Promise<void> {
    // As a listener of a signal, `stop` is called with the signal's name.
    const given: { readonly graceful?: boolean | undefined } = typeof options === 'string' ? {} : options;
    const { graceful = true } = named(given, 'stop()', ['graceful']);
    const stage = boolean(graceful, 'graceful of stop()') ? 'drain' : 'quit';
    if (!spec) await this.#master.stop(stage);
  }

  /**
   * Changes the number of workers, 1 to 4096; resolves when that many are ready and the others are gone. Workers that
   * are not ready go first, then the oldest. While workers cannot boot, the call keeps waiting: they are tried again,
   * and the event `'degraded'` tells of it. Rejects with `ERR_STATE` unless the Arbiter runs, or when a stop or another
   * change of the number overtakes this one.
   */
  async scale(workers: number): Promise<void> {
    await this.#inMaster('scale').scale(integer(1, MOST_WORKERS)(workers, 'workers of scale()'));
  }

  /**
   * Replaces all workers by a new generation, which loads everything anew: the application, the host's script in the
   * inline form, certificates, and the working directory with its symbolic links. New workers are started beside the
   * old ones, `surge` at a time. Once they have been ready for a second, the old workers of the same slots finish their
   * requests and end. Resolves when the last old worker is gone. A call during a reload waits for that reload and
   * begins another one. Gunicorn: HUP.
   *
   * When a new worker fails before that second is over, all new workers end and the old generation goes on serving. The
   * call then rejects with `ERR_RELOAD_FAILED`, whose `cause` is the failure of that worker. Rejects with `ERR_STATE`
   * unless the Arbiter runs, or when it is stopped meanwhile.
   */
  async reload(): Promise<ReloadResult> {
    return this.#inMaster('reload').reload();
  }

  /**
   * Replaces the worker of one slot, as `maxRequests` does: a substitute gets ready before the worker drains. Resolves
   * when the old worker is gone. Rejects with `ERR_WORKER_BOOT` when the substitute fails; the old worker then goes on
   * serving. Rejects with `ERR_STATE` unless the Arbiter runs and the slot has a ready worker, or when the Arbiter is
   * stopped meanwhile.
   *
   * Other workers that are due to be recycled, and a change of the number of workers, come first. A reload that comes
   * first replaces this worker too. The call does not wait for slots whose workers fail again and again (`'degraded'`):
   * the substitute is tried all the same.
   */
  async restart(id: number): Promise<void> {
    await this.#inMaster('restart').restart(integer(1)(id, 'id of restart()'));
  }

  /**
   * Starts the command of this process once more, and hands the new process the listening sockets of all Arbiters of
   * this process, except those that are stopping. Resolves with the pid of the new process when it serves for all these
   * Arbiters. From then on both processes serve, until one of them is told to stop: this one to complete the upgrade,
   * or the new one to take it back. The new process loads the host's own script, and node itself, anew. Gunicorn: USR2.
   *
   * Rejects with `ERR_UPGRADE_FAILED` when the new process ends before that, or takes longer than the longest
   * `bootTimeout` of these Arbiters plus 30 seconds (no limit where one `bootTimeout` is 0); then nothing has changed.
   * Also when one of these Arbiters is told to stop meanwhile. Rejects with `ERR_STATE` unless the Arbiter runs; while
   * another Arbiter of this process starts; while the other process of an earlier upgrade still runs; and during an
   * upgrade that began before this Arbiter was started.
   */
  async upgrade(): Promise<{ readonly pid: number }> {
    return this.#inMaster('upgrade').upgrade();
  }

  /**
   * Sends a message to the application in the worker of a slot: any JSON, below 1 MB. The listeners there,
   * `worker.on('message')`, are called once for each message, in the order of the calls of `send()`. In a worker with
   * threads, these are the listeners of every thread, or of the one thread that `options` names. Resolves when they
   * have been called. While a slot has two workers, the one that serves gets the message. A worker that is booting gets
   * it only if there is no other, once it is up.
   *
   * Rejects with `ERR_MESSAGE_LOST` when the slot is empty, when nobody listens, or when the worker, or a thread that
   * was to hear the message, ends before it has confirmed it; {@link ArbiterError.mayBeHeard} then says whether it may
   * have been heard. Rejects with `ERR_MESSAGE_ROOM` when too much is under way to this worker: 65,536 messages or 16
   * Mi characters of JSON. Rejects with `ERR_STATE` before the start, after the stop and in a worker; during the stop,
   * workers that have not been told to end still get messages. Rejects with a `TypeError` for what JSON cannot hold,
   * and with a `RangeError` for a message that is too long.
   *
   * @param id - the slot, from 1.
   */
  async send(id: number, message: unknown, options?: SendOptions): Promise<void> {
    return this.#post('send').send(id, message, options);
  }

  /**
   * Sends a message, as `send()` does, to all workers that have not been told to end, of every generation, and to
   * {@link ArbiterOptions.spares}. Workers that are booting get it once they are up, since they may have loaded what
   * the message makes invalid. Resolves with what became of the message, once that is known of each worker.
   */
  async broadcast(message: unknown): Promise<BroadcastResult> {
    return this.#post('broadcast').broadcast(message);
  }

  /** The master; throws in a worker, which has none that could be asked. */
  #inMaster(method: string): Master {
    if (Arbiter.isWorker) throw refusal(method, 'this process is a worker');
    return this.#master;
  }

  #post(method: string): Post {
    const { crew, state } = this.#inMaster(method);
    if (!crew || state === 'stopped') throw refusal(method, state);
    return crew.post;
  }

  /**
   * All that `stats()` says, as the text that Prometheus reads (version 0.0.4, `Content-Type: text/plain;
   * version=0.0.4`), in seconds and bytes, each metric with the label `name`; and the metrics of the workers' own
   * registries, see {@link OwnWorker.metrics}. Workers that have such metrics are asked for them first; of a worker
   * that does not answer within 250 ms, the last known ones are used. Rejects with `ERR_STATE` in a worker.
   */
  async metrics(): Promise<string> {
    return this.#inMaster('metrics').metrics();
  }

  /** A snapshot: state, counters, and what each worker last wrote to its slot of the scoreboard. */
  stats(): ArbiterStats<ArbiterState> {
    return this.#master.stats();
  }

  /**
   * What each worker, and each of its threads, is doing at this moment: running JavaScript, with the stack; running
   * native code, with what the kernel says of the thread; or waiting, with the kinds of resources it waits for. Workers
   * that boot, drain or hang are included. Resolves within about two seconds; `doing` is absent for a worker that has
   * not answered by then. Taking a stack holds the thread for some milliseconds; a thread whose event loop turns is not
   * held. Rejects with `ERR_STATE` in a worker.
   */
  async stacks(): Promise<readonly WorkerStack[]> {
    return this.#inMaster('stacks').crew?.stacks() ?? [];
  }

  /**
   * Calls the listeners of an event, each independently of the others. When a listener throws, or is async and rejects,
   * the event `error` reports that with `ERR_LISTENER`, and the other listeners are still called.
   */
  override emit<E extends keyof ArbiterEvents>(event: E, ...args: ArbiterEvents[E]): boolean {
    return callListeners(this, event, args, this.#notifier.failed);
  }

  /** `stop()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/*
 * How one process supervises its threads, as the master does its processes: it starts, watches and replaces them, and
 * serves nothing itself. It knows nothing of requests.
 */
import type { TlsOptions } from 'node:tls';
import { monotonic } from '../../monotonic.js';
import type { ThreadActivity } from '../../protocol/activity.js';
import type { FailedMessage, RecycleCause, WorkerMessage } from '../../protocol/messages.js';
import type { WorkerSpec } from '../../protocol/spec.js';
import { DUTY } from '../../scoreboard/scoreboard.js';
import { reviveError, serializeError } from '../../serialized-error.js';
import { ReportedFailure } from '../failures.js';
import type { Lifecycle, Servant } from '../lifecycle/servant.js';
import { sharedBuffer } from '../lifecycle/shared.js';
import { readSlotAt, storeAtRest, storeImage, writeDuty } from '../vitals/board.js';
import { isShortage } from '../vitals/descriptors.js';
import { requestLimit } from '../vitals/recycle.js';
import type { TimeLimit } from '../watchdog/trace.js';
import { bootOf, lateBoot } from './boot.js';
import { activities, glimpseThread } from './glimpse.js';
import { endHungThread } from './hang.js';
import { enforceHeapLimits } from './heap-limits.js';
import { leaveAllSockets, leaveThreadsBehind } from './leave.js';
import type { ThreadMessage, ThreadOrder } from './messages.js';
import { Muster } from './muster.js';
import { noteChildren, Offspring } from './offspring.js';
import { ThreadHandle } from './thread-handle.js';
import { Tracer } from './tracer.js';
import type { Finding } from './watch.js';

/** How long a thread may take to terminate. It does so within milliseconds, unless native code blocks it. */
const TERMINATE_LIMIT: TimeLimit = { used: 500, all: 5_000 };
/** The exit code that Node gives a thread that was terminated. */
const TERMINATED = 1;

/**
 * The threads of a threaded worker, as its main thread sees them. The pool starts them, ends a thread that hangs, and
 * replaces a thread that ends, without touching the others.
 */
export class ThreadPool implements Servant {
  readonly #spec: WorkerSpec;
  readonly #lifecycle: Lifecycle;
  #tls: TlsOptions | undefined;
  readonly #threads = new Map<number, ThreadHandle>();
  /** Threads that could not be terminated. Their numbers and slots are taken over; they keep the process alive. */
  readonly #lost = new Set<ThreadHandle>();
  readonly #tracer = new Tracer();
  /** The child processes of the main thread. */
  readonly #offspring = new Offspring();
  readonly #muster: Muster;
  #ended: (() => void) | undefined;
  #stopping = false;
  readonly #requests: { count: Int32Array; limit: number };
  readonly #shortages = new Int32Array(new SharedArrayBuffer(4));
  since: number | undefined;
  #started = 0;
  #closed = false;
  #asked = false;
  #short = false;

  constructor(spec: WorkerSpec, lifecycle: Lifecycle, tls: TlsOptions | undefined) {
    this.#spec = spec;
    this.#lifecycle = lifecycle;
    this.#tls = tls;
    this.#muster = new Muster(spec.serving.threads);
    const limit = requestLimit(spec.recycle, Math.random());
    enforceHeapLimits(spec.serving.resourceLimits);
    noteChildren(this.#offspring);
    this.#requests = { count: new Int32Array(new SharedArrayBuffer(4)), limit };
  }

  /** Starts all threads. Resolves when all are ready, rejects when one cannot boot. */
  run(): Promise<void> {
    const complete = this.#muster.complete();
    // From here on, each thread has its own clock of the boot; that of the main thread ends.
    this.#lifecycle.pulse.serve();
    process.on('exit', (code) => {
      leaveThreadsBehind([...this.#lost, ...this.#threads.values()], this.#lifecycle.slot, code);
      this.#tracer.close();
    });
    // Each thread serves as soon as it is up, so an order to stop before all are up must lose no request either.
    this.#lifecycle.takeOrders(this);
    for (let thread = 1; thread <= this.#spec.serving.threads; thread++) this.#start(thread);
    this.#lifecycle.onWake(() => this.#orderAll({ type: 'wake' }));
    this.#lifecycle.onNumbers((ask) => this.#orderAll({ type: 'numbers', ask }));
    this.#lifecycle.onTicketKeys((keys) => {
      (this.#tls?.ticketKeys as Uint8Array | undefined)?.fill(0);
      // For threads that are still to be started.
      this.#tls = { ...this.#tls, ticketKeys: keys as Buffer };
      this.#orderAll({ type: 'tickets', keys });
    });
    process.on('SIGUSR1', () => this.#orderAll({ type: 'usr1' }));
    return complete;
  }

  /** Lets each thread finish its requests. Resolves when all threads have ended. */
  stop(): Promise<void> {
    return this.#end('drain');
  }

  #end(type: 'drain' | 'quit'): Promise<void> {
    this.#stopping = true;
    this.#orderAll({ type });
    return new Promise((resolve) => {
      this.#ended = resolve;
      this.#settle();
    });
  }

  hurry(farewell: number): void {
    this.#orderAll({ type: 'hurry', farewell });
  }

  /** Lets each thread answer what it can at once, and exit. */
  quit(): Promise<void> {
    return this.#end('quit');
  }

  /** The main thread has failed, but the threads have not: they finish what they can in the time that there is. */
  crash(): Promise<void> {
    return this.stop();
  }

  /** What each thread is doing. */
  readonly stacks = (ask: number): Promise<ThreadActivity[]> => activities([...this.#threads.values()], ask);

  #orderAll(order: ThreadOrder): void {
    for (const thread of this.#threads.values()) thread.order(order);
  }

  #start(number: number): void {
    if (this.#copiesLeft === 0) return;
    if (this.#copiesLeft === 1) this.#askForReplacement('sockets');
    const first = this.#muster.isFirst(number);
    const boot = bootOf(this.#spec, first, this.#lifecycle.pulse.away);
    const spec = { ...this.#spec, thread: number, copies: this.#started++, ...boot };
    const data = { tls: this.#tls, requests: this.#requests, shortages: this.#shortages };
    const thread: ThreadHandle = new ThreadHandle(spec, data, {
      onMessage: (message) => this.#onMessage(thread, message),
      onError: (error) => this.#onError(thread, error),
      // If the thread was lost, another one has its number and slot by now, so nothing is left to be done.
      onExit: (code) => this.#lost.delete(thread) || this.#bury(thread, code),
      onHang: (finding) => void this.#onHang(thread, finding),
      onSlow: this.#lifecycle.tell,
      look: (looking) => glimpseThread(thread, this.#tracer, looking),
    });
    this.#threads.set(number, thread);
  }

  #onMessage(thread: ThreadHandle, message: ThreadMessage): void {
    if (message.type === 'share') {
      const { name, bytes } = message;
      thread.order({ type: 'shared', name, buffer: sharedBuffer(name, bytes) });
    } else if (message.type === 'short') {
      for (const other of this.#threads.values()) if (other !== thread) other.order(message);
    } else if (message.type === 'left') {
      thread.left = true;
      this.#settle();
    } else if (message.type === 'spare') {
      thread.waits = true;
      if ([...this.#threads.values()].every(({ waits }) => waits)) void this.#standBy();
    } else if (message.type === 'ready') {
      thread.readyAt = performance.now();
      this.since ??= monotonic();
      this.#muster.ready(thread.number);
    } else if (message.type === 'failed') {
      this.#onBootFailure(thread, message);
    } else if (message.type === 'recycle') {
      this.#askForReplacement(message.why);
    } else if (message.type === 'adopt') {
      thread.offspring.adopt(message);
      this.#lifecycle.tell(message);
    } else if (message.type === 'timeout') {
      // The thread has answered its client, and exits by itself.
      this.#onTimeout(thread, message);
    } else if (message.type !== 'error' || !isShortage(message.error)) {
      this.#lifecycle.tell(message);
    } else if (!this.#short) {
      // All threads share the file descriptors of the process, so one report is enough.
      this.#short = true;
      this.#lifecycle.tell(message);
    }
  }

  /** In a spare: all threads have booted. They begin to serve together, when the process has a slot. */
  async #standBy(): Promise<void> {
    await this.#lifecycle.awaitSlot(undefined);
    this.#orderAll({ type: 'serve', id: this.#spec.id });
  }

  #askForReplacement(why: RecycleCause): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#lifecycle.tell({ type: 'recycle', why });
  }

  #onError(thread: ThreadHandle, error: Error): void {
    const report = { type: 'error', error: serializeError(error) } as const;
    if (thread.ready) this.#lifecycle.tell(report);
    else this.#onBootFailure(thread, { type: 'failed', phase: 'boot', error: report.error });
  }

  #onTimeout(thread: ThreadHandle, report: Extract<WorkerMessage, { type: 'timeout' }>): void {
    thread.timedOut = true;
    this.#lifecycle.tell(report);
    if (thread.ready) return;
    this.#onBootFailure(thread, lateBoot(thread.number, this.#spec.clocks.bootTimeout));
  }

  async #onHang(thread: ThreadHandle, finding: Finding): Promise<void> {
    try {
      const found = await endHungThread(thread, this.#tracer, finding === 'lingers' && !thread.timedOut ? 500 : 504);
      if (found === undefined) {
        thread.watch.resume();
        return;
      }
      // A thread that lingers has reported before why it ends.
      if (finding !== 'lingers') {
        const { clock, elapsed } = finding;
        this.#onTimeout(thread, { type: 'timeout', clock, elapsed, ...found });
      }
    } catch (error) {
      this.#lifecycle.tell({ type: 'error', error: serializeError(error) });
      thread.terminate();
    }
    this.#endOffspring(thread);
    await thread.watch.had(TERMINATE_LIMIT);
    if (this.#threads.get(thread.number) !== thread) return;
    this.#lost.add(thread);
    this.#bury(thread, TERMINATED);
  }

  /** The boot failure of a first thread fails the process. A replacement is tried again while another thread serves. */
  #onBootFailure(thread: ThreadHandle, report: FailedMessage): void {
    thread.failed = true;
    if (this.#stopping) return;
    if (this.#muster.isFirst(thread.number)) this.#muster.fail(new ReportedFailure(report));
    else if (this.#muster.isComplete && this.#serving === 0) this.#lifecycle.fail(reviveError(report.error));
    else if (!thread.timedOut) this.#lifecycle.tell({ type: 'error', error: report.error });
  }

  #bury(thread: ThreadHandle, code: number): void {
    const { number } = thread;
    const slot = this.#spec.slot + number;
    if (thread.ready) storeImage(slot, thread.image);
    const request = readSlotAt(slot)?.request;
    this.#threads.delete(number);
    writeDuty(slot, DUTY.NONE);
    if (this.#stopping) {
      this.#settle();
      return;
    }
    this.#endOffspring(thread);
    if (thread.ready) {
      // The report of the end names this request. It must not also show as in flight until another thread has the slot.
      storeAtRest(slot, thread.image);
      const reason = thread.timedOut ? 'timeout' : 'crash';
      this.#lifecycle.tell({ type: 'thread', thread: number, code, reason, ...(request && { request }) });
    } else if (!thread.failed) {
      const error = new Error(`thread ${number} ended with exit code ${code} before it was ready`);
      this.#onBootFailure(thread, { type: 'failed', phase: 'boot', error: serializeError(error) });
    }
    if (this.#copiesLeft === 0 && this.#threads.size === 0) {
      // The worker that was asked for in its place may never boot. Until then, a process without threads would look
      // as if it served, so it fails.
      this.#lifecycle.fail(new Error('no thread is left, and no copy of the sockets for another'));
      return;
    }
    setTimeout(() => this.#stopping || this.#start(number), this.#muster.wait(thread));
  }

  /** How many threads can still be started: each uses up one copy of all sockets but the first. */
  get #copiesLeft(): number {
    return this.#spec.sockets > 1 ? this.#spec.copies - this.#started : Number.POSITIVE_INFINITY;
  }

  /** Kills the processes that the thread has started. When the whole process ends, the master kills them. */
  #endOffspring(thread: ThreadHandle): void {
    const others = [...this.#threads.values(), ...this.#lost].filter((other) => other !== thread);
    thread.offspring.end([this.#offspring, ...others.map(({ offspring }) => offspring)]);
  }

  get #serving(): number {
    return [...this.#threads.values()].filter((thread) => thread.ready).length;
  }

  #settle(): void {
    // All threads listen on the same descriptor of the first socket, so it stays open until none accepts any more.
    if (this.#stopping && !this.#closed && [...this.#threads.values()].every(({ left }) => left)) {
      this.#closed = true;
      leaveAllSockets(this.#spec, this.#started);
    }
    if (this.#stopping && this.#threads.size === 0) this.#ended?.();
  }
}

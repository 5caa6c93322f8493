import type { Debugger, InspectorNotification, NodeWorker, Session } from 'node:inspector';
import { formatFrames } from '../watchdog/trace.js';

/** A hold on a thread: it is paused, or will be as soon as it comes back from native code. */
export interface Hold {
  /** Resolves when the order to pause has been given to the thread: from then on it runs no JavaScript. */
  readonly ordered: Promise<void>;
  /** Whether the order has been given. */
  readonly isOrdered: boolean;
  /** Resolves with the call stack when the thread has paused. */
  readonly stack: Promise<string>;
  /** Resolves when the thread could be paused, but that was no longer wanted. */
  readonly unwanted: Promise<undefined>;
  /** Whether the inspector is attached to the thread, so that it will get the order in any case. */
  readonly isReached: boolean;
  /** How many scripts the thread has loaded, and for how many milliseconds it has been paused, or ordered to pause. */
  readonly scripts: number;
  readonly age: number;
  /**
   * Releases the thread. A thread that stays paused cannot be terminated, and the process would wait for it for ever. A
   * thread that was told to terminate before its release ends without running another line of JavaScript.
   *
   * @param goesOn - the thread has not been told to terminate, so it is resumed and goes on. Without that, V8 would
   * keep everything that was in the scope of its calls.
   */
  release(goesOn?: boolean): void;
}

type Attached = InspectorNotification<NodeWorker.AttachedToWorkerEventDataType>;
type Received = InspectorNotification<NodeWorker.ReceivedMessageFromWorkerEventDataType>;
type Heard =
  | { readonly method: 'Debugger.scriptParsed'; readonly params: Debugger.ScriptParsedEventDataType }
  | { readonly method: 'Debugger.paused'; readonly params: Debugger.PausedEventDataType }
  | { readonly method?: undefined; readonly id?: number };
type Command = 'Debugger.enable' | 'Debugger.pause' | 'Debugger.resume' | 'Debugger.disable';
/** The id of the command whose answer is waited for, and the id of all others. */
const AWAITED = 2;
const OTHER = 1;

/**
 * Pauses threads of this process through the inspector, and gets their call stacks. All threads that are held at the
 * same time share one session. It is open only while a thread is held, since an open session attaches to every thread
 * and keeps the process from exiting.
 */
export class Tracer {
  #session: Session | undefined;
  /** The inspector's session ids of the threads, by `threadId`. */
  readonly #names = new Map<number, string>();
  readonly #holdings = new Map<number, Holding>();

  /**
   * Holds a thread until it is released; undefined in a Node without an inspector.
   *
   * @param wanted - if given, the thread runs on until the list of its scripts has been read, so that it is paused no
   *   longer than necessary. Then this is called, and says whether it is still to be paused.
   */
  async hold(threadId: number, wanted?: () => boolean): Promise<Hold | undefined> {
    const inspector = await import('node:inspector').catch(() => undefined);
    if (inspector === undefined) return undefined;
    // Waits while somebody else holds the thread, which is not for long. Of two holds at the same time, the first to be
    // released would release the thread for the other too.
    for (let before = this.#holdings.get(threadId); before; before = this.#holdings.get(threadId))
      await before.released;
    const holding = new Holding((goesOn) => this.#release(threadId, goesOn), wanted);
    this.#holdings.set(threadId, holding);
    if (this.#session === undefined) this.#open(new inspector.Session());
    else this.#pause(threadId);
    return holding;
  }

  /** Whether the thread is held. */
  holds(threadId: number): boolean {
    return this.#holdings.has(threadId);
  }

  /** Releases all threads. */
  close(): void {
    for (const holding of [...this.#holdings.values()]) holding.release();
  }

  #open(session: Session): void {
    this.#session = session;
    session.connect();
    session.on('NodeWorker.attachedToWorker', ({ params }: Attached) => {
      // The title is `[worker 3] name`, with the threadId; `workerId` is another number.
      const threadId = Number(/^\[worker (\d+)\]/.exec(params.workerInfo.title)?.[1]);
      this.#names.set(threadId, params.sessionId);
      this.#pause(threadId);
    });
    session.on('NodeWorker.receivedMessageFromWorker', ({ params }: Received) => {
      for (const [threadId, holding] of this.#holdings) {
        if (this.#names.get(threadId) !== params.sessionId) continue;
        if (holding.hear(JSON.parse(params.message))) this.#order(threadId, holding);
      }
    });
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  }

  #pause(threadId: number): void {
    const holding = this.#holdings.get(threadId);
    if (holding === undefined || !this.#names.has(threadId)) return;
    holding.isReached = true;
    this.#send(threadId, 'Debugger.enable', AWAITED);
    if (holding.wanted === undefined) this.#order(threadId, holding);
  }

  #order(threadId: number, holding: Holding): void {
    this.#send(threadId, 'Debugger.pause');
    holding.order();
  }

  #release(threadId: number, goesOn: boolean): void {
    const holding = this.#holdings.get(threadId);
    if (!this.#holdings.delete(threadId)) return;
    // A pause that was not ordered here is left to whoever ordered it. A thread that is to terminate is not resumed:
    // that made the whole process abort now and then.
    if (holding?.isPaused && goesOn) this.#send(threadId, 'Debugger.resume');
    this.#send(threadId, 'Debugger.disable');
    holding?.end();
    if (this.#holdings.size > 0) return;
    this.#session?.disconnect();
    this.#session = undefined;
    this.#names.clear();
  }

  #send(threadId: number, method: Command, id: number = OTHER): void {
    const sessionId = this.#names.get(threadId);
    if (sessionId === undefined) return;
    this.#session?.post('NodeWorker.sendMessageToWorker', { sessionId, message: JSON.stringify({ id, method }) });
  }
}

class Holding implements Hold {
  readonly ordered: Promise<void>;
  readonly stack: Promise<string>;
  readonly unwanted: Promise<undefined>;
  readonly released: Promise<void>;
  readonly release: (goesOn?: boolean) => void;
  end: () => void = () => undefined;
  readonly wanted: (() => boolean) | undefined;
  isOrdered = false;
  isReached = false;
  /** The thread is paused because it was ordered to. */
  isPaused = false;
  #orderedAt = 0;
  #ordered: () => void = () => undefined;
  #pausedAt: (stack: string) => void = () => undefined;
  #leave: (unwanted: undefined) => void = () => undefined;
  /** The URL of each script by its id, since call frames do not always have it. */
  readonly #scripts = new Map<string, string>();

  constructor(release: (goesOn: boolean) => void, wanted: (() => boolean) | undefined) {
    this.release = (goesOn = false) => release(goesOn);
    this.wanted = wanted;
    this.ordered = new Promise((resolve) => {
      this.#ordered = resolve;
    });
    this.stack = new Promise((resolve) => {
      this.#pausedAt = resolve;
    });
    this.unwanted = new Promise((resolve) => {
      this.#leave = resolve;
    });
    this.released = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  get scripts(): number {
    return this.#scripts.size;
  }

  get age(): number {
    return performance.now() - this.#orderedAt;
  }

  order(): void {
    this.isOrdered = true;
    this.#orderedAt = performance.now();
    this.#ordered();
  }

  /** Handles a message of the thread's inspector. Returns whether the order to pause is to be given now. */
  hear(message: Heard): boolean {
    if (message.method === undefined) {
      if (message.id !== AWAITED || this.wanted === undefined) return false;
      const wanted = this.wanted();
      if (!wanted) this.#leave(undefined);
      return wanted;
    }
    if (message.method === 'Debugger.scriptParsed') this.#scripts.set(message.params.scriptId, message.params.url);
    if (message.method === 'Debugger.paused') {
      this.isPaused = this.isOrdered;
      this.#pausedAt(formatFrames(message.params.callFrames, this.#scripts));
    }
    return false;
  }
}

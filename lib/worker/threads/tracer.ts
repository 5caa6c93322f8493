import type { Debugger, InspectorNotification, NodeWorker, Session } from 'node:inspector';
import { formatFrames } from '../watchdog/trace.js';

/** A thread that stands still, or does so as soon as it comes back from native code. */
export interface Hold {
  /** Resolves when the order to pause is with the thread: from then on it runs no JavaScript. */
  readonly ordered: Promise<void>;
  /** Whether that has happened. */
  readonly isOrdered: boolean;
  /** Resolves when it has paused, with its calls. */
  readonly stack: Promise<string>;
  /** Resolves when it could be paused, and that was no longer wanted. */
  readonly unwanted: Promise<undefined>;
  /** Whether the inspector knows it, so that it will hear of the order in any case. */
  readonly isReached: boolean;
  /** How many scripts it has, and for how many milliseconds it has stood still, or was to. */
  readonly scripts: number;
  readonly age: number;
  /**
   * Lets it go. A thread that stays paused cannot be terminated, and the process would wait for it for ever; one that is told
   * to terminate first ends without another line of JavaScript.
   *
   * @param goesOn - it has not been told to terminate, and forgets what it was held in; else V8 keeps all that was in the scope of its calls.
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
/** The number of the command whose answer is waited for, and of all others. */
const AWAITED = 2;
const OTHER = 1;

/**
 * Pauses threads of this process, and says where they are, through the inspector. All that are held at the same time share one
 * session, which is open only as long: an open one attaches to every thread, and keeps the process from exiting.
 */
export class Tracer {
  #session: Session | undefined;
  /** The inspector's names of the threads, by their `threadId`. */
  readonly #names = new Map<number, string>();
  readonly #holdings = new Map<number, Holding>();

  /**
   * Holds a thread until it is released; undefined in a Node without an inspector.
   *
   * @param wanted - where it may run on until all that it says first has been read, so that it is held no longer than it must be: whether
   * it is to be held then.
   */
  async hold(threadId: number, wanted?: () => boolean): Promise<Hold | undefined> {
    const inspector = await import('node:inspector').catch(() => undefined);
    if (inspector === undefined) return undefined;
    // Whoever looks at it lets go of it soon; two would let go of what the other one holds.
    for (let before = this.#holdings.get(threadId); before; before = this.#holdings.get(threadId))
      await before.released;
    const holding = new Holding((goesOn) => this.#release(threadId, goesOn), wanted);
    this.#holdings.set(threadId, holding);
    if (this.#session === undefined) this.#open(new inspector.Session());
    else this.#pause(threadId);
    return holding;
  }

  /** Whether somebody holds it. */
  holds(threadId: number): boolean {
    return this.#holdings.has(threadId);
  }

  /** Lets go of all. */
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
    // A pause that is not of this order is somebody else's to end. Of one that is to terminate, the whole process aborted now and then.
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
  /** It stands still because it was ordered to. */
  isPaused = false;
  #orderedAt = 0;
  #ordered: () => void = () => undefined;
  #pausedAt: (stack: string) => void = () => undefined;
  #leave: (unwanted: undefined) => void = () => undefined;
  /** Where each script is from: the calls do not always say. */
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

  /** Returns whether it is time to give the order. */
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

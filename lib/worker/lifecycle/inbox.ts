import { inspect } from 'node:util';
import { errorText } from '../../log/stack.js';
import { say } from '../../log/standard-error.js';
import { Fifo } from '../../protocol/fifo.js';
import type { Receipt, Unheard } from '../../protocol/mail.js';
import type { WorkerSpec } from '../../protocol/spec.js';
import { explained } from '../own-script.js';
import type { Link } from './link.js';

/** Called with each message; what it returns is not waited for. */
export type MessageListener = (message: unknown) => unknown;

/** Where the inbox reports to. */
export interface InboxEvents {
  readonly tell: (receipt: Receipt) => void;
  /** A listener threw, or the promise that it returned was rejected. */
  readonly onError: (error: unknown) => void;
}

/** How long messages are read in one turn of the loop, before requests, orders and timers go on. Milliseconds. */
const SLICE = 5;

interface Registration {
  readonly listener: MessageListener;
  readonly once: boolean;
}

/**
 * The messages of the host to this process, or this thread. The inbox calls the application's listeners with one
 * message after the other, and tells the sender how far it has got. The sender limits how many messages may wait
 * here. A message that is read while nobody listens is lost, and the sender is told so: if such messages were kept,
 * an application without a listener would keep all of them.
 */
export class Inbox {
  /** Replaced, never changed in place: a listener may remove itself, or others, while it is called. */
  #listeners: readonly Registration[] = [];
  readonly #waiting = new Fifo<string>();
  #thread = 0;
  #events: InboxEvents | undefined;
  #works = false;
  /**
   * How many messages have been read, and up to which the sender has been told. All messages between the two ended
   * alike: as `#not` says.
   */
  #read = 0;
  #told = 0;
  #not: Unheard | undefined;

  /** Says where to report to, and for which thread. */
  open(thread: number, events: InboxEvents): void {
    this.#thread = thread;
    this.#events = events;
  }

  on(event: string, listener: MessageListener, once: boolean): void {
    checkListener(once ? 'once' : 'on', event, listener);
    this.#listeners = [...this.#listeners, { listener, once }];
  }

  /** Removes one registration of the listener, the latest, as an EventEmitter does. */
  off(event: string, listener: MessageListener): void {
    checkListener('off', event, listener);
    const index = this.#listeners.findLastIndex((registration) => registration.listener === listener);
    if (index >= 0) this.#listeners = this.#listeners.filter((_, at) => at !== index);
  }

  /** Messages have arrived, each as JSON. */
  take(texts: readonly string[]): void {
    for (const text of texts) this.#waiting.push(text);
    if (!this.#works) this.#work();
  }

  /** Tells the sender up to which message the inbox has read. */
  flush(): void {
    if (this.#read === this.#told) return;
    this.#told = this.#read;
    const not = this.#not;
    this.#events?.tell({ type: 'heard', thread: this.#thread, to: this.#read, ...(not && { not }) });
  }

  readonly #work = (): void => {
    this.#works = true;
    const end = performance.now() + SLICE;
    for (let text = this.#waiting.shift(); text !== undefined; text = this.#waiting.shift()) {
      const not = this.#listeners.length === 0 ? 'nobody' : undefined;
      if (not !== this.#not) this.flush();
      this.#not = not;
      if (not === undefined) this.#call(JSON.parse(text));
      this.#read++;
      if (performance.now() >= end) break;
    }
    this.flush();
    this.#works = this.#waiting.length > 0;
    if (this.#works) setImmediate(this.#work);
  };

  #call(message: unknown): void {
    for (const registration of this.#listeners) {
      if (registration.once) this.#listeners = this.#listeners.filter((other) => other !== registration);
      try {
        const result = registration.listener(message) as Partial<PromiseLike<unknown>> | undefined;
        if (typeof result?.then === 'function') result.then(undefined, this.#onError);
      } catch (error) {
        this.#onError(error);
      }
    }
  }

  readonly #onError = (error: unknown): void => this.#events?.onError(error);
}

function checkListener(method: string, event: string, listener: MessageListener): void {
  if (event !== 'message') throw new TypeError(`${method}: expected the event 'message', got ${inspect(event)}`);
  if (typeof listener !== 'function') throw new TypeError(`${method}: expected a function, got ${inspect(listener)}`);
}

/** The inbox of this process, or this thread. */
export const inbox: Inbox = new Inbox();

/**
 * Connects the inbox to the link. Not for the main thread of a worker with threads. An error that a listener throws is
 * reported and ends nothing.
 */
export function openInbox(
  { thread = 0, logged }: WorkerSpec,
  { tell, onLetters }: Pick<Link, 'tell' | 'onLetters'>,
): void {
  const onError = (error: unknown): void => {
    tell({ type: 'error', error: explained(error) });
    if (!logged) say(`prefork: worker ${process.pid}: a listener of 'message' failed: ${errorText(error)}\n`);
  };
  inbox.open(thread, { tell, onError });
  onLetters((letters) => inbox.take(letters.map(({ text }) => text)));
  process.on('exit', () => inbox.flush());
}

import { inspect } from 'node:util';
import { errorText } from '../../log/stack.js';
import { say } from '../../log/standard-error.js';
import { Fifo } from '../../protocol/fifo.js';
import type { Receipt, Unheard } from '../../protocol/mail.js';
import type { WorkerSpec } from '../../protocol/spec.js';
import { explained } from '../own-script.js';
import type { Link } from './link.js';

/** Is called with each message; what it returns is not waited for. */
export type MessageListener = (message: unknown) => unknown;

/** Where it reports to. */
export interface InboxEvents {
  readonly tell: (receipt: Receipt) => void;
  /** A listener threw, or rejected. */
  readonly onError: (error: unknown) => void;
}

/** So long messages are read one behind the other; then requests, orders and timers have their turn. Milliseconds. */
const SLICE = 5;

interface Registration {
  readonly listener: MessageListener;
  readonly once: boolean;
}

/**
 * The messages of the host to this process, or this thread: calls the listeners of the application with one after the other, and says how far it
 * is. How many may wait here, the sender limits. A message that comes while nobody listens is lost, and that is said, since whoever never
 * listens would keep them all.
 */
export class Inbox {
  /** Never changed but replaced: a listener may remove itself, or others. */
  #listeners: readonly Registration[] = [];
  readonly #waiting = new Fifo<string>();
  #thread = 0;
  #events: InboxEvents | undefined;
  #works = false;
  /** So many have been read, and so many of them told of; what has not been told of ended alike. */
  #read = 0;
  #told = 0;
  #not: Unheard | undefined;

  /** Takes up its work. */
  open(thread: number, events: InboxEvents): void {
    this.#thread = thread;
    this.#events = events;
  }

  on(event: string, listener: MessageListener, once: boolean): void {
    checkListener(once ? 'once' : 'on', event, listener);
    this.#listeners = [...this.#listeners, { listener, once }];
  }

  /** Removes it once, the last one first, as an EventEmitter does. */
  off(event: string, listener: MessageListener): void {
    checkListener('off', event, listener);
    const index = this.#listeners.findLastIndex((registration) => registration.listener === listener);
    if (index >= 0) this.#listeners = this.#listeners.filter((_, at) => at !== index);
  }

  /** Messages have come: JSON. */
  take(texts: readonly string[]): void {
    for (const text of texts) this.#waiting.push(text);
    if (!this.#works) this.#work();
  }

  /** Says how far it is: the process, or thread, ends. */
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

/** Of this process, or this thread. */
export const inbox: Inbox = new Inbox();

/** Has it hear what comes by the link; not in the main thread of a worker with threads. What its listeners throw ends nothing. */
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

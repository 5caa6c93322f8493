import { Fifo } from '../../protocol/fifo.js';
import type { Letter, Receipt, Unheard } from '../../protocol/mail.js';
import type { UserText } from '../../protocol/messages.js';
import type { Link } from '../lifecycle/link.js';
import type { ThreadMessage, ThreadOrder } from './messages.js';

/** What the mail needs of a thread. */
export interface Recipient {
  readonly number: number;
  order(order: ThreadOrder): void;
  /** How many of the messages that the thread sends to the host wait, see {@link Allowance}. */
  readonly allowance: Allowance;
}

/**
 * How many messages of a thread, and how many characters of them, are on their way to the control pipe. The counts
 * are in memory that the thread shares with the main thread of its process: the thread adds, and the main thread
 * subtracts.
 */
export class Allowance {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  get count(): number {
    return Atomics.load(this.#words, 0);
  }

  get size(): number {
    return Atomics.load(this.#words, 1);
  }

  take(size: number): void {
    Atomics.add(this.#words, 0, 1);
    Atomics.add(this.#words, 1, size);
  }

  give(size: number): void {
    Atomics.sub(this.#words, 0, 1);
    Atomics.sub(this.#words, 1, size);
  }
}

/**
 * The messages for one thread number, whichever thread has it. They are counted from 1, and the count goes on when
 * another thread takes the number.
 */
class Lane {
  /**
   * Messages that came while no thread could take them; the next one gets them. The Arbiter limits how many there
   * are.
   */
  readonly waiting = new Fifo<string>();
  recipient: Recipient | undefined;
  /**
   * How many messages of this lane are settled: the Arbiter has been told whether they were heard. Then how many the
   * current thread has been given, and how many were settled before it.
   */
  settled = 0;
  given = 0;
  before = 0;
}

/**
 * In the main thread of a worker with threads: passes messages of the host on to the threads, and theirs to the host.
 * Messages that a thread has been given and has not heard when it ends are lost. Those that come afterwards are for the
 * thread that replaces it.
 */
export class Mail {
  #lanes: readonly Lane[] = [];
  #link: Pick<Link, 'tell' | 'forward'> | undefined;

  /** To be called before any thread is up. */
  open(threads: number, link: Pick<Link, 'tell' | 'forward' | 'onLetters'>): void {
    this.#lanes = Array.from({ length: threads }, () => new Lane());
    this.#link = link;
    link.tell({ type: 'lanes', count: threads });
    link.onLetters((letters) => this.#deliver(letters));
  }

  /** Looks at each message of a thread. Returns whether it was for the mail alone. */
  hears(thread: Recipient, message: ThreadMessage): boolean {
    if (message.type === 'heard') this.#settle(thread, message);
    else if ('text' in message) this.#forward(thread, message);
    else {
      if (message.type === 'ready' || message.type === 'spare') this.#admit(thread);
      return false;
    }
    return true;
  }

  /** A thread has ended. */
  close(thread: Recipient): void {
    const lane = this.#laneOf(thread);
    if (lane?.recipient === thread) this.#dismiss(lane);
  }

  #deliver(letters: readonly Letter[]): void {
    for (const { thread, text } of letters) {
      for (const lane of thread === 0 ? this.#lanes : this.#lanes.slice(thread - 1, thread)) lane.waiting.push(text);
    }
    for (const lane of this.#lanes) this.#feed(lane);
  }

  #feed(lane: Lane): void {
    if (lane.recipient === undefined || lane.waiting.length === 0) return;
    const texts: string[] = [];
    for (let text = lane.waiting.shift(); text !== undefined; text = lane.waiting.shift()) texts.push(text);
    lane.given += texts.length;
    lane.recipient.order({ type: 'messages', texts });
  }

  /**
   * The thread has loaded its application, whose listeners are in place, so it gets messages from now on. In a spare,
   * this is called a second time when it serves.
   */
  #admit(thread: Recipient): void {
    const lane = this.#laneOf(thread);
    if (lane === undefined || lane.recipient === thread) return;
    // A predecessor that could not be terminated was given up, and has not been closed here.
    this.#dismiss(lane);
    lane.recipient = thread;
    this.#feed(lane);
  }

  #dismiss(lane: Lane): void {
    const { recipient } = lane;
    lane.recipient = undefined;
    if (recipient && lane.given > 0) this.#tell(lane, recipient.number, lane.before + lane.given, 'thread');
    lane.before = lane.settled;
    lane.given = 0;
  }

  /** A thread has told how far it has heard. It counts only the messages that it was given itself. */
  #settle(thread: Recipient, { to, not }: Receipt): void {
    const lane = this.#laneOf(thread);
    // If another thread has the number by now, the messages of this one have been reported as lost.
    if (lane?.recipient === thread) this.#tell(lane, thread.number, lane.before + to, not);
  }

  #tell(lane: Lane, thread: number, to: number, not: Unheard | undefined): void {
    if (to <= lane.settled) return;
    lane.settled = to;
    this.#link?.tell({ type: 'heard', thread, to, ...(not && { not }) });
  }

  #forward({ allowance, number }: Recipient, { text }: UserText): void {
    this.#link?.forward({ type: 'user', text, thread: number }, () => allowance.give(text.length));
  }

  #laneOf({ number }: Recipient): Lane | undefined {
    return this.#lanes[number - 1];
  }
}

/** The mail of this process. */
export const mail: Mail = new Mail();

import { Fifo } from '../../protocol/fifo.js';
import type { Letter, Receipt, Unheard } from '../../protocol/mail.js';
import type { UserText } from '../../protocol/messages.js';
import type { Link } from '../lifecycle/link.js';
import type { ThreadMessage, ThreadOrder } from './messages.js';

/** A thread, as far as its messages are concerned. */
export interface Recipient {
  readonly number: number;
  order(order: ThreadOrder): void;
  /** How much of what it sends upwards waits, see {@link Allowance}. */
  readonly allowance: Allowance;
}

/**
 * How many messages of a thread, and characters of them, are on their way to the pipe, in memory that it shares with the main thread of its
 * process: the thread adds, and the main thread subtracts.
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

/** The messages for one thread, of whichever bears its number. */
class Lane {
  /** Those that came while no thread could hear: for the next one. The Arbiter limits how many are under way. */
  readonly waiting = new Fifo<string>();
  recipient: Recipient | undefined;
  /** So many of the lane are settled, so many have been given to the thread of now, and so many were settled before it. */
  settled = 0;
  given = 0;
  before = 0;
}

/**
 * In the main thread of a worker with threads: passes messages of the host on to its threads, and theirs to the host. What a thread that ends has not
 * heard, is lost; what comes afterwards is for the one that replaces it.
 */
export class Mail {
  #lanes: readonly Lane[] = [];
  #link: Pick<Link, 'tell' | 'forward'> | undefined;

  /** Before any thread is up. */
  open(threads: number, link: Pick<Link, 'tell' | 'forward' | 'onLetters'>): void {
    this.#lanes = Array.from({ length: threads }, () => new Lane());
    this.#link = link;
    link.tell({ type: 'lanes', count: threads });
    link.onLetters((letters) => this.#deliver(letters));
  }

  /** Sees what a thread says; returns whether it was for the mail alone. */
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

  /** It has loaded its application, so that listens. Said again by a spare that serves. */
  #admit(thread: Recipient): void {
    const lane = this.#laneOf(thread);
    if (lane === undefined || lane.recipient === thread) return;
    // One that could not be terminated has been given up without a word.
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

  /** A thread counts what it has got itself. */
  #settle(thread: Recipient, { to, not }: Receipt): void {
    const lane = this.#laneOf(thread);
    // Another one has its number by now, and what this one had was told to be lost.
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

/** Of this process. */
export const mail: Mail = new Mail();

import { ArbiterError } from '../../errors.js';
import { Fifo } from '../../protocol/fifo.js';
import { ROOM } from '../../protocol/mail.js';
import { encodeMessage, type Said, type UserText } from '../../protocol/messages.js';
import type { SentCount } from './sent.js';

/** Writes what it can at once. Returns how many bytes that were: 0 when the pipe is full; undefined when nobody has its other end. */
export type Write = (bytes: Uint8Array) => number | undefined;

/** How long the worker's own words are tried while nothing is taken, before it goes on, or ends, and how long in all. Milliseconds, and between two attempts. */
const PATIENCE = 100;
const LONGEST = 1_000;
const STEP = 1;
/** So many bytes are written at once where they have waited. */
const PIECE = 1 << 16;

interface Waiting {
  readonly line: string;
  /** Called when the pipe has taken it. */
  readonly onTaken: (() => void) | undefined;
}

/**
 * All that a worker process says to its master, in order. What the pipe takes is written at once, so it arrives whatever becomes of the process;
 * a full pipe, whose master is busy, is tried again until it takes what waits.
 *
 * Messages of the application never make it wait: there is room for so many, and then the sender is told. The worker's own words are few; what is said
 * last, before an exit, gets a moment.
 */
export class Outgoing {
  readonly #write: Write;
  readonly #pause: (milliseconds: number) => void;
  readonly #sent: Pick<SentCount, 'add' | 'store'> | undefined;
  readonly #waiting = new Fifo<Waiting>();
  /** What is being written, and who is to be told when it has been. */
  #piece: Uint8Array = EMPTY;
  #taken: (() => void)[] = [];
  /** Whether the last attempt has got rid of something. */
  #progressed = false;
  /** Of messages that wait. */
  #count = 0;
  #size = 0;
  #timer: NodeJS.Timeout | undefined;
  #last = false;
  /** Nobody has read in the last moments: nothing is waited for any more. */
  #hopeless = false;

  /**
   * @param pause - stands still for so long.
   * @param sent - counts messages of the application, but for those of threads, who do so themselves.
   */
  constructor(write: Write, pause: (milliseconds: number) => void, sent?: Pick<SentCount, 'add' | 'store'>) {
    this.#sent = sent;
    this.#write = write;
    this.#pause = pause;
  }

  /** The process ends: from now on nothing is put off. */
  end(): void {
    this.#last = true;
    this.#flushPatiently();
  }

  /** Says it, as soon as it can be said. Throws `ERR_MESSAGE_ROOM` for a message of the application where too many wait. */
  readonly tell = (message: Said): void => {
    if ('text' in message) this.#tellUser(message);
    else if (message.type === 'heard') this.#add(encodeMessage(message));
    else {
      this.#add(encodeMessage(message));
      if (this.#waits) this.#flushPatiently();
    }
  };

  /** A message of a thread: how much of them waits is counted by the thread. */
  forward(message: UserText, onTaken: () => void): void {
    this.#add(encodeMessage(message), onTaken);
  }

  get #waits(): boolean {
    return this.#piece.length > 0 || this.#waiting.length > 0;
  }

  #tellUser(message: UserText): void {
    const size = message.text.length;
    // The master may have made room meanwhile.
    if (this.#count >= ROOM.count || this.#size + size > ROOM.size) this.#flush();
    if (this.#count >= ROOM.count || this.#size + size > ROOM.size) throw noRoom();
    this.#count++;
    this.#sent?.add();
    this.#size += size;
    this.#add(encodeMessage(message), () => {
      this.#count--;
      this.#size -= size;
    });
    if (this.#waits) this.#sent?.store();
  }

  #add(line: string, onTaken?: () => void): void {
    const waits = this.#waits;
    this.#waiting.push({ line, onTaken });
    // What waits has just been tried.
    if (this.#last) this.#flushPatiently();
    else if (!waits) this.#flush();
  }

  /** Returns whether all has been taken. */
  #flush(): boolean {
    this.#progressed = false;
    while (this.#waits) {
      if (this.#piece.length === 0) this.#cut();
      const written = this.#write(this.#piece);
      if (written === undefined) {
        // Nobody is there any more to whom anything could be said.
        this.#piece = EMPTY;
        this.#waiting.clear();
        this.#count = this.#size = 0;
        return true;
      }
      this.#progressed ||= written > 0;
      this.#piece = this.#piece.subarray(written);
      if (this.#piece.length > 0) {
        if (written > 0) continue;
        this.#timer ??= setTimeout(() => {
          this.#timer = undefined;
          this.#flush();
        }, STEP).unref();
        return false;
      }
      const taken = this.#taken;
      this.#taken = [];
      for (const tell of taken) tell();
    }
    return true;
  }

  /** As long as the master reads. */
  #flushPatiently(): void {
    const end = this.#hopeless ? 0 : LONGEST / STEP;
    for (let attempt = 0, idle = 0; !this.#flush(); attempt++, idle++) {
      if (this.#progressed) idle = 0;
      if (attempt < end && idle < PATIENCE / STEP) this.#pause(STEP);
      else {
        this.#hopeless = this.#last;
        return;
      }
    }
  }

  #cut(): void {
    let text = '';
    for (let next = this.#waiting.first; next !== undefined && text.length < PIECE; next = this.#waiting.first) {
      text += next.line;
      if (next.onTaken) this.#taken.push(next.onTaken);
      this.#waiting.shift();
    }
    this.#piece = Buffer.from(text);
  }
}

const EMPTY = new Uint8Array();

/** What `send()` throws in a worker. */
export function noRoom(): ArbiterError {
  return new ArbiterError(
    'ERR_MESSAGE_ROOM',
    `send: at most ${ROOM.count} messages, or ${ROOM.size} characters, may wait for the Arbiter, which has not taken those before`,
  );
}

import { ArbiterError } from '../../errors.js';
import { Fifo } from '../../protocol/fifo.js';
import { ROOM } from '../../protocol/mail.js';
import { encodeMessage, type Said, type UserText } from '../../protocol/messages.js';
import type { SentCount } from './sent.js';

/**
 * Writes as much as the pipe takes at once. Returns the number of bytes: 0 when the pipe is full; undefined when nobody
 * has its other end.
 */
export type Write = (bytes: Uint8Array) => number | undefined;

/**
 * How long the worker blocks to send its own messages, in milliseconds: {@link PATIENCE} while the pipe takes nothing,
 * {@link LONGEST} in all. Then it goes on, or ends. {@link STEP} is the pause between two attempts.
 */
const PATIENCE = 100;
const LONGEST = 1_000;
const STEP = 1;
/** About how many characters of waiting messages are written at once. */
const PIECE = 1 << 16;

interface Waiting {
  readonly line: string;
  /** Called when the pipe has taken the line. */
  readonly onTaken: (() => void) | undefined;
}

/**
 * All messages of a worker process to its master, in order. What the pipe takes is written at once, so it arrives
 * whatever becomes of the process. A pipe is full while the master is busy; then it is tried again until it takes what
 * waits.
 *
 * Messages of the application never block the process: they wait, and if too many wait, `send()` throws. The worker's
 * own messages are few. They may block for a moment, and so may the last ones before an exit.
 */
export class Outgoing {
  readonly #write: Write;
  readonly #pause: (milliseconds: number) => void;
  readonly #sent: Pick<SentCount, 'add' | 'store'> | undefined;
  readonly #waiting = new Fifo<Waiting>();
  /** The bytes that are being written, and the callbacks for when they have been. */
  #piece: Uint8Array = EMPTY;
  #taken: (() => void)[] = [];
  /** Whether the pipe took anything at the last attempt. */
  #progressed = false;
  /** How many messages of the application wait, and their characters. */
  #count = 0;
  #size = 0;
  #timer: NodeJS.Timeout | undefined;
  #last = false;
  /** At the exit, the master has not read in time: from then on nothing blocks. */
  #hopeless = false;

  /**
   * @param pause - blocks the thread for so many milliseconds.
   * @param sent - counts messages of the application. Threads count their own.
   */
  constructor(write: Write, pause: (milliseconds: number) => void, sent?: Pick<SentCount, 'add' | 'store'>) {
    this.#sent = sent;
    this.#write = write;
    this.#pause = pause;
  }

  /** The process ends: from now on, nothing is left for later. */
  end(): void {
    this.#last = true;
    this.#flushPatiently();
  }

  /**
   * Sends a message as soon as the pipe takes it. Throws `ERR_MESSAGE_ROOM` for a message of the application if too
   * many wait.
   */
  readonly tell = (message: Said): void => {
    if ('text' in message) this.#tellUser(message);
    else if (message.type === 'heard') this.#add(encodeMessage(message));
    else {
      this.#add(encodeMessage(message));
      if (this.#waits) this.#flushPatiently();
    }
  };

  /** Sends a message of a thread. The thread itself counts how many of its messages wait. */
  forward(message: UserText, onTaken: () => void): void {
    this.#add(encodeMessage(message), onTaken);
  }

  get #waits(): boolean {
    return this.#piece.length > 0 || this.#waiting.length > 0;
  }

  #tellUser(message: UserText): void {
    const size = message.text.length;
    // The master may have read since the last attempt, so there may be room now.
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
    // If messages waited before this one, the pipe was full, and a timer tries again.
    if (this.#last) this.#flushPatiently();
    else if (!waits) this.#flush();
  }

  /** Writes until the pipe is full. Returns whether nothing waits any more. */
  #flush(): boolean {
    this.#progressed = false;
    while (this.#waits) {
      if (this.#piece.length === 0) this.#cut();
      const written = this.#write(this.#piece);
      if (written === undefined) {
        // The master is gone: drop everything.
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

  /** Blocks and tries again, as long as the master reads and within the limits. */
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

/** The error that `send()` of a worker throws when too many messages wait. */
export function noRoom(): ArbiterError {
  return new ArbiterError(
    'ERR_MESSAGE_ROOM',
    `send: at most ${ROOM.count} messages, or ${ROOM.size} characters, may wait for the Arbiter, which has not taken those before`,
  );
}

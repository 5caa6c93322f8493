import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';
import { type Lanes, type Letter, parseMail, type Receipt } from '../../protocol/mail.js';
import { parseMessage, type WorkerMessage } from '../../protocol/messages.js';
import {
  encodeAsk,
  encodeNumbers,
  encodeOrder,
  encodeServe,
  encodeTicketKeys,
  type Order,
  REOPEN,
} from '../../protocol/orders.js';
import { encodeTls, FD } from '../../protocol/spec.js';
import type { Child } from '../../system/child.js';
import { readToTheEnd } from '../../system/last-words.js';
import { system } from '../../system/system.js';
import { readLines } from '../common/read-lines.js';
import { type OnSettled, Outbox } from './outbox.js';
import type { TicketKeys } from './ticket-keys.js';

/**
 * About this many characters of messages are handed to the pipe at once. An order waits for no more than one such
 * piece, and for what the system has taken already.
 */
const PIECE = 1 << 16;

/** The master's end of the control pipe of one worker. */
export class Control {
  /** Undefined when the process could not be spawned. */
  readonly #pipe: Duplex | undefined;
  /** Whether a write has failed: the worker reads no more, or has ended. */
  readonly #isBroken: () => boolean;
  #unwatch: (() => void) | undefined;
  readonly #outbox = new Outbox();
  /** How many messages the worker's application has sent. */
  received = 0;
  /** Whether a piece is on its way into the pipe. */
  #writing = false;

  constructor(child: Child) {
    this.#pipe = (child.stdio[FD.CONTROL] ?? undefined) as Duplex | undefined;
    this.#pipe?.on('error', () => undefined);
    this.#isBroken = this.#pipe ? readToTheEnd(this.#pipe) : () => true;
  }

  /** Starts to read. A line that is not a message goes to `onNoise`. */
  listen(onMessage: (message: WorkerMessage) => void, onNoise: (line: string) => void): void {
    if (!this.#pipe) return;
    readLines(this.#pipe, (line) => {
      const said = saidIn(line);
      // Receipts and lanes do not go through the queue of the loop: there may be very many of them, and no decision
      // depends on them.
      if (said?.type === 'heard') this.#outbox.take(said);
      else if (said?.type === 'lanes') this.#outbox.setThreads(said.count);
      else if (said === undefined) onNoise(line);
      else {
        if (said.type === 'user') this.received++;
        onMessage(said);
      }
    });
  }

  /** The worker has booted, so its application listens to messages. */
  open(): void {
    this.#outbox.open();
    this.#feed();
  }

  /**
   * Queues a message for the application. The message waits until the application has booted, and then for its turn in
   * the pipe. Returns false where there is no room for it.
   */
  post(letter: Letter, onSettled: OnSettled): boolean {
    if (!this.#outbox.post(letter, onSettled)) return false;
    this.#feed();
    return true;
  }

  /** Writes one piece at a time, so that an order goes before the messages that the pipe has not taken yet. */
  #feed(): void {
    if (this.#writing || this.#pipe?.writable !== true || this.#isBroken()) return;
    const piece = this.#outbox.next(PIECE);
    if (piece === undefined) return;
    this.#writing = true;
    this.#write(piece, () => {
      this.#writing = false;
      this.#feed();
    });
  }

  /**
   * Sends the TLS options, with the current ticket keys if the master makes them. Later keys are sent when they replace
   * these.
   */
  sendTls(tls: TlsOptions, tickets: TicketKeys | undefined): void {
    // A failed write needs no handling here: without these options the worker cannot boot.
    this.#write(encodeTls(tickets ? { ...tls, ticketKeys: tickets.keys } : tls));
    this.#unwatch = tickets?.watch((keys) => this.#write(encodeTicketKeys(keys)));
  }

  /** Returns false when the worker cannot be told any more: it has closed its end. */
  order(order: Order): boolean {
    return this.#write(encodeOrder(order));
  }

  /** Tells a spare to take that slot; returns the same as {@link Control.order}. */
  serve(id: number): boolean {
    return this.#write(encodeServe(id));
  }

  /** Asks the worker what its threads are doing; returns the same as {@link Control.order}. */
  ask(ask: number): boolean {
    return this.#write(encodeAsk(ask));
  }

  /** Asks the worker for the application's own metrics; returns the same as {@link Control.order}. */
  askNumbers(ask: number): boolean {
    return this.#write(encodeNumbers(ask));
  }

  /** Tells the worker to open the file of the access log anew. A worker that cannot be told is about to end. */
  reopen(): void {
    this.#write(`${REOPEN}\n`);
  }

  #write(lines: string, taken?: () => void): boolean {
    if (this.#pipe?.writable !== true || this.#isBroken()) return false;
    try {
      system.write(this.#pipe, lines, taken);
      return true;
    } catch (error) {
      this.#pipe.destroy(error as Error);
      return false;
    }
  }

  close(): void {
    this.#unwatch?.();
    this.#pipe?.destroy();
    this.#outbox.close();
  }
}

/** A worker may write anything, and nothing that it writes may end the host, as an exception here would. */
function saidIn(line: string): WorkerMessage | Receipt | Lanes | undefined {
  try {
    return parseMail(line) ?? parseMessage(line);
  } catch {
    return undefined;
  }
}

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

/** So many characters of messages are handed to the pipe at once. An order waits for no more than these, and for what the system has taken. */
const PIECE = 1 << 16;

/** The master's end of the control pipe of one worker. */
export class Control {
  /** Undefined when the process could not be spawned. */
  readonly #pipe: Duplex | undefined;
  /** A write has failed: it reads no more, or has ended. */
  readonly #isBroken: () => boolean;
  #unwatch: (() => void) | undefined;
  readonly #outbox = new Outbox();
  /** So many messages of its application have come. */
  received = 0;
  /** A piece is on its way into the pipe. */
  #writing = false;

  constructor(child: Child) {
    this.#pipe = (child.stdio[FD.CONTROL] ?? undefined) as Duplex | undefined;
    this.#pipe?.on('error', () => undefined);
    this.#isBroken = this.#pipe ? readToTheEnd(this.#pipe) : () => true;
  }

  /** What is no message goes to `onNoise`. */
  listen(onMessage: (message: WorkerMessage) => void, onNoise: (line: string) => void): void {
    if (!this.#pipe) return;
    readLines(this.#pipe, (line) => {
      const said = saidIn(line);
      // Mail does not go by the queue of the loop: there may be a great deal, and no decision depends on it.
      if (said?.type === 'heard') this.#outbox.take(said);
      else if (said?.type === 'lanes') this.#outbox.setThreads(said.count);
      else if (said === undefined) onNoise(line);
      else {
        if (said.type === 'user') this.received++;
        onMessage(said);
      }
    });
  }

  /** It has booted, so its application listens. */
  open(): void {
    this.#outbox.open();
    this.#feed();
  }

  /** A message for the application: it waits until that has booted, and then for its turn in the pipe. False where there is no room for it. */
  post(letter: Letter, onSettled: OnSettled): boolean {
    if (!this.#outbox.post(letter, onSettled)) return false;
    this.#feed();
    return true;
  }

  /** One piece at a time, so that an order comes before what the pipe has not taken. */
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

  /** With the ticket keys of now, if they are the master's; those that follow are sent when they are there. */
  sendTls(tls: TlsOptions, tickets: TicketKeys | undefined): void {
    // Without them it cannot boot: as if the pipe had failed.
    this.#write(encodeTls(tickets ? { ...tls, ticketKeys: tickets.keys } : tls));
    this.#unwatch = tickets?.watch((keys) => this.#write(encodeTicketKeys(keys)));
  }

  /** Returns false where nothing can be said any more: the worker has closed its end. */
  order(order: Order): boolean {
    return this.#write(encodeOrder(order));
  }

  /** Has a spare take that slot; returns as {@link Control.order}. */
  serve(id: number): boolean {
    return this.#write(encodeServe(id));
  }

  /** Has it say what its threads are doing; returns as {@link Control.order}. */
  ask(ask: number): boolean {
    return this.#write(encodeAsk(ask));
  }

  /** Has it tell the application's own numbers; returns as {@link Control.order}. */
  askNumbers(ask: number): boolean {
    return this.#write(encodeNumbers(ask));
  }

  /** Has it open the file of the access log anew. Who does not hear of it is about to end. */
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

/** A worker may write what it likes: over none of it may the host end, as it would by an exception here. */
function saidIn(line: string): WorkerMessage | Receipt | Lanes | undefined {
  try {
    return parseMail(line) ?? parseMessage(line);
  } catch {
    return undefined;
  }
}

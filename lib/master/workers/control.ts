import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';
import { parseMessage, type WorkerMessage } from '../../protocol/messages.js';
import { encodeOrder, encodePlace, encodeTicketKeys, type Order } from '../../protocol/orders.js';
import { encodeTls, FD } from '../../protocol/spec.js';
import type { Child } from '../../system/child.js';
import { system } from '../../system/system.js';
import { readLines } from '../common/read-lines.js';
import type { TicketKeys } from './ticket-keys.js';

/** The master's end of the control pipe of one worker. */
export class Control {
  /** Undefined when the process could not be spawned. */
  readonly #pipe: Duplex | undefined;
  #unwatch: (() => void) | undefined;

  constructor(child: Child) {
    this.#pipe = (child.stdio[FD.CONTROL] ?? undefined) as Duplex | undefined;
    this.#pipe?.on('error', () => undefined);
  }

  /** What is no message goes to `onNoise`. */
  listen(onMessage: (message: WorkerMessage) => void, onNoise: (line: string) => void): void {
    if (!this.#pipe) return;
    readLines(this.#pipe, (line) => {
      const message = parseMessage(line);
      if (message) onMessage(message);
      else onNoise(line);
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
  place(id: number): boolean {
    return this.#write(encodePlace(id));
  }

  #write(line: string): boolean {
    if (this.#pipe?.writable !== true) return false;
    try {
      system.write(this.#pipe, line);
      return true;
    } catch (error) {
      this.#pipe.destroy(error as Error);
      return false;
    }
  }

  close(): void {
    this.#unwatch?.();
    this.#pipe?.destroy();
  }
}

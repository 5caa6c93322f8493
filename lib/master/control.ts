import type { ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';
import { encodeOrder, type Order } from '../orders.js';
import { encodeTls, FD, parseMessage, type WorkerMessage } from '../protocol.js';
import { readLines } from './read-lines.js';

/** The master's end of the control pipe of one worker. */
export class Control {
  /** Undefined when the process could not be spawned. */
  readonly #pipe: Duplex | undefined;

  constructor(child: ChildProcess) {
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

  sendTls(tls: TlsOptions): void {
    this.#pipe?.write(encodeTls(tls));
  }

  /** Returns false where nothing can be said any more: the worker has closed its end. */
  order(order: Order): boolean {
    if (this.#pipe?.writable !== true) return false;
    this.#pipe.write(encodeOrder(order));
    return true;
  }

  close(): void {
    this.#pipe?.destroy();
  }
}

import { ServerResponse } from 'node:http';
import { type Counted, writtenTo } from './account.js';

/** How much has been written for a response before its head: 100, 102, 103. On those that have any. Bytes. */
const INTERIM: unique symbol = Symbol('interim');

type Interim = ServerResponse & { [INTERIM]?: number; readonly outputSize?: number };
type Write = (this: Interim, ...args: unknown[]) => unknown;

/** All that Node has for it; the last one is newer than some versions. */
const METHODS = ['writeContinue', 'writeProcessing', 'writeEarlyHints', 'writeInformation'];

let watched = false;

/** Nothing tells later what has been written to a connection for an answer but is no part of it. So all responses of this process are asked when it is written. */
export function watchInterim(): void {
  if (watched) return;
  watched = true;
  const prototype = ServerResponse.prototype as unknown as Record<string, Write | undefined>;
  for (const name of METHODS) {
    const write = prototype[name];
    if (write === undefined) continue;
    prototype[name] = function (...args) {
      // One may call another of them: what that has counted is a part of this.
      const before = interimOf(this) - sizeOf(this);
      const returned = write.apply(this, args);
      this[INTERIM] = before + sizeOf(this);
      return returned;
    };
  }
}

export function interimOf(response: Interim): number {
  return response[INTERIM] ?? 0;
}

/** With what is held back while another answer of the connection is written. */
function sizeOf({ socket, outputSize = 0 }: Interim): number {
  return writtenTo((socket ?? undefined) as Counted | undefined) + outputSize;
}

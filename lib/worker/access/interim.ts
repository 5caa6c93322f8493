import { ServerResponse } from 'node:http';
import { type Counted, writtenTo } from './account.js';

/**
 * How many bytes of interim responses (100, 102, 103) have been written for a response before its head. Set only on
 * responses that have any.
 */
const INTERIM: unique symbol = Symbol('interim');

type Interim = ServerResponse & { [INTERIM]?: number; readonly outputSize?: number };
type Write = (this: Interim, ...args: unknown[]) => unknown;

/** All methods of Node that write interim responses; the last one is missing in some versions. */
const METHODS = ['writeContinue', 'writeProcessing', 'writeEarlyHints', 'writeInformation'];

let watched = false;

/**
 * Patches the methods that write interim responses. Their bytes are no part of the answer, and nothing tells later how
 * many there were. So they are counted when they are written, for all responses of this process.
 */
export function watchInterim(): void {
  if (watched) return;
  watched = true;
  const prototype = ServerResponse.prototype as unknown as Record<string, Write | undefined>;
  for (const name of METHODS) {
    const write = prototype[name];
    if (write === undefined) continue;
    prototype[name] = function (...args) {
      // One method may call another one, which has then counted the same bytes: they must not count twice.
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

/** The bytes written to the connection, including those that are held back while another answer is written. */
function sizeOf({ socket, outputSize = 0 }: Interim): number {
  return writtenTo((socket ?? undefined) as Counted | undefined) + outputSize;
}

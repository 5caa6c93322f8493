import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { inspect } from 'node:util';

/** What a worker calls for each request, whatever the application is. */
export interface Listener {
  /** Serves a request; may return a promise. */
  readonly request: (request: IncomingMessage, response: ServerResponse) => unknown;
  /** Takes a connection over that asks for another protocol, where the application wants that. */
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly connect?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Ends what the application opened; called once, after the last request. */
  readonly close?: () => Promise<void>;
}

export async function createListener(app: unknown): Promise<Listener> {
  if (typeof app === 'function') return { request: app as Listener['request'] };
  throw new TypeError(
    `expected a request listener, (request, response) => …, as the application, got ${inspect(app, { depth: 0 })}`,
  );
}

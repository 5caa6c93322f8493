import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestListener } from '../../options/handler.js';
import { onlyListener } from './front.js';

type Call = (...args: unknown[]) => unknown;

/** Stands in the place of a listener, where Node would do something by itself if there were none. */
function stopgap(): void {}

/**
 * What listens to the events of the server that is fed, as it is at each event: listeners of the application's own server count from the
 * moment they are there, and so do those that a library has put on the server that it finds at a request.
 */
export class ApplicationEvents {
  readonly #server: EventEmitter;
  readonly #beside: EventEmitter | undefined;
  #patched: Call | undefined;

  /**
   * @param server - the one that is fed.
   * @param beside - one whose listeners count too, but for requests.
   */
  constructor(server: EventEmitter, beside?: EventEmitter) {
    this.#server = server;
    this.#beside = beside;
    if (beside === undefined) return;
    // Node asks the one that is fed.
    const count = server.listenerCount;
    server.listenerCount = (event, ...rest) => {
      const own = count.call(server, event, ...(rest as []));
      return isBeside(event) ? own + beside.listenerCount(event, ...(rest as [])) : own;
    };
  }

  /**
   * Someone has put an `emit` of his own on the server: requests and what else comes go through it. It returns no promise, so what an
   * async listener rejects with is unhandled, as without this library.
   */
  patchedBy(emit: Call | undefined): void {
    this.#patched = emit;
  }

  /** Has Node emit the event, though nobody else may listen. */
  hold(event: string): void {
    this.#server.on(event, stopgap);
  }

  hears(event: string): boolean {
    const server = this.#server;
    return server.listenerCount(event) > server.listenerCount(event, stopgap);
  }

  /** Has `act` called before a listener is added. */
  onNew(event: string, act: () => void): void {
    for (const server of [this.#server, this.#beside]) server?.on('newListener', (name) => name === event && act());
  }

  /** Answers a request by the listeners of an event, or `otherwise` where there are none. */
  answer(event: string, otherwise: RequestListener, request: IncomingMessage, response: ServerResponse): unknown {
    const only = this.#only(event);
    if (only) return only.call(this.#server, request, response);
    return this.hears(event) ? this.call(event, request, response) : otherwise(request, response);
  }

  /**
   * Calls the listeners of an event. Not through `emit`: it drops the promises of async listeners, whose rejections would end the worker.
   * Returns what the only one returns, or a promise of all.
   */
  call(event: string, ...args: unknown[]): unknown {
    if (this.#patched) return this.#patched.call(this.#server, event, ...args);
    const servers = this.#beside && isBeside(event) ? [this.#server, this.#beside] : [this.#server];
    const calls = servers.flatMap((server) =>
      (server.rawListeners(event) as Call[]).map((listener) => ({ server, listener })),
    );
    const [first, ...others] = calls.filter(({ listener }) => listener !== stopgap);
    if (others.length === 0) return first?.listener.apply(first.server, args);
    // An async function each, so that the throw of one leaves no rejection of another unhandled.
    return Promise.all([first, ...others].map(async (each) => each?.listener.apply(each.server, args)));
  }

  /** Most have one, and it needs no list. */
  #only(event: string): Call | undefined {
    if (this.#patched !== undefined) return undefined;
    const only = onlyListener(this.#server, event);
    return only === stopgap ? undefined : only;
  }
}

/** Requests come by a way of their own, and tunnels of HTTP/1.1 are refused beside HTTP/2. */
function isBeside(event: string | symbol): boolean {
  return event !== 'request' && event !== 'connect';
}

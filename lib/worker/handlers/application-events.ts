import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestListener } from '../../options/handler.js';
import { onlyListener } from './front.js';

type Call = (...args: unknown[]) => unknown;

/** A placeholder listener for events to which Node would react by itself if they had no listener. */
function stopgap(): void {}

/** A server of the application that is not fed itself. */
export interface Beside {
  readonly server: EventEmitter;
  /** The events whose listeners there do not count. */
  readonly except: ReadonlySet<string | symbol>;
}

/**
 * The listeners of the application for the events of the server that is fed, looked up at each event. So listeners that
 * the application adds to its own server count from that moment on, and so do those that a library adds to the server
 * that it finds at a request.
 */
export class ApplicationEvents {
  readonly #server: EventEmitter;
  readonly #beside: Beside | undefined;
  #patched: Call | undefined;

  /**
   * @param server - the one that is fed.
   * @param beside - a server of the application whose listeners count too, but for some events.
   */
  constructor(server: EventEmitter, beside?: Beside) {
    this.#server = server;
    this.#beside = beside;
    if (beside === undefined) return;
    const { server: other, except } = beside;
    // Node asks the server that is fed.
    const count = server.listenerCount;
    server.listenerCount = (event, ...rest) => {
      const own = count.call(server, event, ...(rest as []));
      return except.has(event) ? own : own + other.listenerCount(event, ...(rest as []));
    };
  }

  /**
   * A tool has put an `emit` of its own on the server, and all events go through that. It returns no promise, so a
   * rejection of an async listener is unhandled, as it would be without this library.
   */
  patchedBy(emit: Call | undefined): void {
    this.#patched = emit;
  }

  /** Has Node emit the event even if nothing else listens. */
  hold(event: string): void {
    this.#server.on(event, stopgap);
  }

  hears(event: string): boolean {
    const server = this.#server;
    return server.listenerCount(event) > server.listenerCount(event, stopgap);
  }

  /** Has `act` called before a listener is added. */
  onNew(event: string, act: () => void): void {
    for (const server of [this.#server, this.#beside?.server])
      server?.on('newListener', (name) => name === event && act());
  }

  /** Answers a request by the listeners of an event, or by `otherwise` if there are none. */
  answer(event: string, otherwise: RequestListener, request: IncomingMessage, response: ServerResponse): unknown {
    const only = this.#only(event);
    if (only) return only.call(this.#server, request, response);
    return this.hears(event) ? this.call(event, request, response) : otherwise(request, response);
  }

  /**
   * Calls the listeners of an event, but not through `emit`: that drops the promises of async listeners, whose
   * rejections would end the worker. Returns what the only listener returns, or a promise for all of them.
   */
  call(event: string, ...args: unknown[]): unknown {
    if (this.#patched) return this.#patched.call(this.#server, event, ...args);
    const servers =
      this.#beside && !this.#beside.except.has(event) ? [this.#server, this.#beside.server] : [this.#server];
    const calls = servers.flatMap((server) =>
      (server.rawListeners(event) as Call[]).map((listener) => ({ server, listener })),
    );
    const [first, ...others] = calls.filter(({ listener }) => listener !== stopgap);
    if (others.length === 0) return first?.listener.apply(first.server, args);
    // One async function for each listener, so that a throw of one leaves no rejection of another unhandled.
    return Promise.all([first, ...others].map(async (each) => each?.listener.apply(each.server, args)));
  }

  /** Most events have one listener, so no list is made. */
  #only(event: string): Call | undefined {
    if (this.#patched !== undefined) return undefined;
    const only = onlyListener(this.#server, event);
    return only === stopgap ? undefined : only;
  }
}

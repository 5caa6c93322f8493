import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Listener } from './listener.js';

/**
 * The listeners of a server that never listens. They are asked for at each event, as some libraries replace them late;
 * but whether there are any of a kind, other than 'request', counts when the worker starts.
 */
export function createServerListener(server: Server): Listener {
  const call = (event: string) => caller(server, event);
  const present = (event: string) => server.listenerCount(event) > 0;
  const request = call('request');
  return {
    request: (...args) => (present('request') ? request(...args) : answerNotFound(...args)),
    ...(present('upgrade') && { upgrade: call('upgrade') }),
    ...(present('connect') && { connect: call('connect') }),
    ...(present('checkContinue') && { checkContinue: call('checkContinue') }),
    ...(present('checkExpectation') && { checkExpectation: call('checkExpectation') }),
    ...(present('clientError') && { clientError: call('clientError') }),
    // It says ERR_SERVER_NOT_RUNNING, and emits 'close' all the same.
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/**
 * Calls the listeners of an event. Not through `emit`: it drops the promises of async listeners, whose rejections would end the
 * worker; and tools that patch it to see requests have seen this one at the worker's own server.
 */
function caller(server: Server, event: string): (...args: unknown[]) => unknown {
  return (...args) => {
    const [first, ...others] = server.rawListeners(event);
    if (others.length === 0) return first?.apply(server, args);
    // An async function each, so that the throw of one leaves no rejection of another unhandled.
    return Promise.all([first, ...others].map(async (listener) => listener?.apply(server, args)));
  };
}

/** A server without a listener would let the client wait. */
function answerNotFound(_request: IncomingMessage, response: ServerResponse): void {
  const body = 'Not Found\n';
  response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': body.length }).end(body);
}

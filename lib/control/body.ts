import type { IncomingMessage, ServerResponse } from 'node:http';
import { problem, send } from './answer.js';

/**
 * The largest body that is accepted. No request to the control needs one, but some clients send an empty form or `{}`
 * by habit. Bytes.
 */
const MOST = 4_096;
/** How long a client that is still sending has to read why it is refused. Milliseconds. */
const FAREWELL = 1_000;

/**
 * Whether the body that a request announces is small enough. A client that sends `Expect: 100-continue` may send its
 * body only then.
 */
export function takesBody({ headers }: IncomingMessage): boolean {
  return Number(headers['content-length'] ?? 0) <= MOST;
}

/**
 * Reads the body and throws it away. Resolves with true when the request is complete, else with false: then it has been
 * answered and its connection ends, or its client has gone.
 */
export function readBody(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  if (!takesBody(request)) {
    refuse(request, response);
    return Promise.resolve(false);
  }
  return new Promise((resolve) => {
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MOST) return;
      request.removeAllListeners('data').pause();
      refuse(request, response);
      resolve(false);
    });
    request.once('end', () => resolve(true));
    request.once('close', () => resolve(false));
  });
}

function refuse(request: IncomingMessage, response: ServerResponse): void {
  const { socket } = request;
  // Node calls this after the answer. Its own version would destroy the socket at once, and the reset that follows may
  // overtake the answer.
  socket.destroySoon = () => {
    socket.end();
    setTimeout(() => socket.destroy(), FAREWELL).unref();
  };
  // Nor may Node read the rest of the body, which it does to throw it away.
  request._read = () => undefined;
  socket.pause();
  send(response, problem(413, `nothing here takes more than ${MOST} bytes`, {}, { Connection: 'close' }));
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import { problem, send } from './answer.js';

/** Nothing that is told here has a body. Who sends one by habit, an empty form or `{}`, is not turned away. Bytes. */
const MOST = 4_096;
/** How long a client that still sends has to read why it is refused. Milliseconds. */
const FAREWELL = 1_000;

/** Whether a request that asks first may send its body. */
export function takesBody({ headers }: IncomingMessage): boolean {
  return Number(headers['content-length'] ?? 0) <= MOST;
}

/** Resolves with whether the request is complete; else it has been answered, and its connection ends. */
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
  // Node would destroy it at once, and the reset that follows may overtake the answer.
  socket.destroySoon = () => {
    socket.end();
    setTimeout(() => socket.destroy(), FAREWELL).unref();
  };
  // Or read the rest, to throw it away.
  request._read = () => undefined;
  socket.pause();
  send(response, problem(413, `nothing here takes more than ${MOST} bytes`, {}, { Connection: 'close' }));
}

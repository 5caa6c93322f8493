import { connect } from 'node:net';

/**
 * How long a new connection keeps its place without a request, less some time for the way. A request that comes later
 * may be bound to a worker that has begun to hang with another request. Milliseconds.
 */
export const GRACE = 40;
/**
 * The same for a new connection of a worker that has waited for another one in vain in the last seconds. Milliseconds.
 */
export const SHORT_GRACE = 1;

export interface Asked {
  readonly answer: string;
  /** How long the client took from the start of the connection until its request was sent. Milliseconds. */
  readonly silent: number;
}

/**
 * Sends one request on a connection of its own. The client measures whether it was late itself because it did not get
 * the CPU.
 */
export function ask(url: string, path: string): Promise<Asked> {
  return new Promise((resolve) => {
    const start = performance.now();
    let silent = 0;
    let answer = '';
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port) });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`, () => {
      silent = performance.now() - start;
    });
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    socket.on('error', ({ message }) => {
      answer += message;
    });
    socket.on('close', () => resolve({ answer, silent }));
  });
}

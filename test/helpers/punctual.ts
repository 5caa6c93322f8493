import { connect } from 'node:net';

/**
 * So long does a new connection keep its place without a request; one that comes later may be bound to a worker that has begun
 * to hang with another one. Milliseconds, minus some for the way.
 */
export const GRACE = 40;

export interface Asked {
  readonly answer: string;
  /** How long it had been connected before its request was sent. */
  readonly silent: number;
}

/** One request on a connection of its own, of a client that knows when it was late itself because it did not get the CPU. */
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

import { connect } from 'node:net';

const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
const ANSWER = /^HTTP\/1\.1 200 .*\r\n\r\nhello\n$/s;
/** An answer that takes longer is lost. Milliseconds. */
const LIMIT = 15_000;

/**
 * One request on its own connection: undefined for the right answer, else what went wrong, and for how long (ms) the client was held up between its
 * connection, which the kernel makes at once, and its request.
 */
export function request(port) {
  return new Promise((resolve) => {
    const began = performance.now();
    let heldUp = Number.POSITIVE_INFINITY;
    let answer = '';
    let failure;
    const socket = connect(port, '127.0.0.1', () => {
      heldUp = performance.now() - began;
      socket.write(REQUEST);
    });
    const lost = () => ({ what: failure ?? `closed after ${answer.length} bytes`, heldUp });
    socket
      .setEncoding('latin1')
      .setTimeout(LIMIT, () => socket.destroy(new Error('timeout')))
      .on('data', (text) => {
        answer += text;
      })
      .on('error', (error) => {
        failure = error.code ?? error.message;
      })
      // A complete answer counts, also when its server dies right after it.
      .on('close', () => resolve(ANSWER.test(answer) ? undefined : lost()));
  });
}

/** Clients that each send a request when they have the answer to the last one, while the condition holds. */
export async function closedLoop({ port, clients, goOn, onResult = () => {} }) {
  const client = async () => {
    while (goOn()) onResult(await request(port));
  };
  await Promise.all(Array.from({ length: clients }, client));
}

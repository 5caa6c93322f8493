import { connect } from 'node:net';

const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
const ANSWER = /^HTTP\/1\.1 200 .*\r\n\r\nhello\n$/s;
/** A request is lost if nothing is sent or received for this long. Milliseconds. */
const LIMIT = 15_000;

/**
 * Sends one request on a connection of its own. The result is undefined for the right answer. Otherwise it says what
 * went wrong, and how long (ms) the client was held up between its connect, which the kernel completes at once, and
 * its request.
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
      // A complete answer counts, even if its server died right after it.
      .on('close', () => resolve(ANSWER.test(answer) ? undefined : lost()));
  });
}

/** A closed loop: each client sends its next request when it has the answer to the last one, while `goOn` is true. */
export async function closedLoop({ port, clients, goOn, onResult = () => {} }) {
  const client = async () => {
    while (goOn()) onResult(await request(port));
  };
  await Promise.all(Array.from({ length: clients }, client));
}

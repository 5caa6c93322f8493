import { type ClientHttp2Session, constants } from 'node:http2';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import tls from 'node:tls';
import { eventually } from './wait.js';

/** How long 100,000 requests may take on a machine that is busy with something else. Milliseconds. */
const LIMIT = 300_000;

/** What is counted as an answer. The beginning of the body is enough, since Node's server sends it with its length. */
const ANSWER = '\r\n\r\nhello';

export interface Many {
  /** How many requests are sent. */
  readonly count: number;
  /** How many requests may wait for their answers at a time. */
  readonly window: number;
}

/**
 * Sends this many requests on one HTTP/1.1 connection.
 *
 * @returns how many were answered 200 with `hello`, by the time that all were or the connection ended.
 */
export async function manyOverHttp1(
  t: TestContext,
  url: string,
  { count, window }: Many,
  ca?: string,
): Promise<number> {
  const { hostname, port, host } = new URL(url);
  const where = { host: hostname, port: Number(port) };
  const socket: Socket = ca === undefined ? connect(where) : tls.connect({ ...where, ca });
  t.after(() => socket.destroy());
  const text = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  let [sent, answered, tail] = [0, 0, ''];
  const send = (): void => {
    const next = Math.min(count, answered + window) - sent;
    // Sent in halves of the window, so that there are fewer writes.
    if (next < window / 2 && sent + next < count) return;
    sent += next;
    socket.write(text.repeat(next));
  };
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    const received = tail + chunk;
    answered += received.split(ANSWER).length - 1;
    // Shorter than ANSWER, so that no answer is counted twice.
    tail = received.slice(1 - ANSWER.length);
    send();
  });
  socket.on('error', () => undefined);
  socket.once(ca === undefined ? 'connect' : 'secureConnect', send);
  await eventually(
    () => answered === count || socket.closed,
    () => `${count} answers on one connection, ${answered} came`,
    LIMIT,
  );
  socket.destroy();
  return answered;
}

export interface ManyAnswers {
  /** How many answers have the status 200. */
  answered: number;
  /** How many requests were refused before they were processed, so that they may be sent again. RFC 9113, 8.7. */
  refused: number;
  /** All other outcomes. */
  readonly failed: string[];
}

/** Sends this many requests on one HTTP/2 connection; fewer if the server closes it earlier. */
export async function manyOverHttp2(session: ClientHttp2Session, { count, window }: Many): Promise<ManyAnswers> {
  const answers: ManyAnswers = { answered: 0, refused: 0, failed: [] };
  let [sent, ended] = [0, 0];
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      sent++;
      let status: number | undefined;
      let error = '';
      const stream = session.request({ ':path': '/' });
      stream.on('response', (headers) => {
        status = headers[':status'];
      });
      stream.on('error', ({ message }) => {
        error = message;
      });
      stream.on('close', () => {
        ended++;
        if (status === 200 && stream.rstCode === constants.NGHTTP2_NO_ERROR) answers.answered++;
        else if (status === undefined && stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) answers.refused++;
        else answers.failed.push(`status ${status}, code ${stream.rstCode}, ${error}`);
        resolve();
      });
      stream.resume();
    });
  const client = async (): Promise<void> => {
    while (sent < count && !session.closed && !session.destroyed) await one();
  };
  let over = false;
  const clients = Promise.all(Array.from({ length: window }, client)).then(() => {
    over = true;
  });
  await eventually(
    () => over,
    () => `the end of ${count} requests on one session, ${ended} have ended`,
    LIMIT,
  );
  await clients;
  return answers;
}

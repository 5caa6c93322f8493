import { connect } from 'node:net';

const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
const HEAD_END = '\r\n\r\n';

/**
 * Clients that keep their connections busy: each always has `depth` requests in flight, and sends the next one when an
 * answer has come. If its connection is closed, the client connects again.
 *
 * @param {number} port
 * @param {{ connections: number, depth: number }} plan `depth` is how many requests each connection has in flight, by
 *   pipelining
 */
export function keepBusy(port, { connections, depth }) {
  const counts = { answers: 0, closed: 0, errors: 0 };
  const sockets = new Map();
  let on = true;

  const join = (index) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => socket.write(REQUEST.repeat(depth)));
    sockets.set(index, socket);
    let text = '';
    socket
      .setEncoding('latin1')
      .on('data', (part) => {
        const { answers, wrong, rest, last } = split(text + part);
        text = rest;
        counts.answers += answers;
        counts.errors += wrong;
        if (on && answers > 0 && !last) socket.write(REQUEST.repeat(answers));
      })
      .on('error', () => {
        counts.errors++;
      })
      .on('close', () => {
        if (!on) return;
        counts.closed++;
        join(index);
      });
  };
  for (let index = 0; index < connections; index++) join(index);

  return {
    /** The counts so far. */
    counts: () => ({ ...counts }),
    leave() {
      on = false;
      for (const socket of sockets.values()) socket.destroy();
    },
  };
}

/** Counts the complete answers in the text, and finds out whether one of them ends the connection. */
function split(text) {
  let [answers, wrong, from, last] = [0, 0, 0, false];
  for (let end = text.indexOf(HEAD_END); end >= 0; end = text.indexOf(HEAD_END, from)) {
    const head = text.slice(from, end);
    const next = end + HEAD_END.length + Number(/\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (text.length < next) break;
    if (head.startsWith('HTTP/1.1 200 ')) answers++;
    else wrong++;
    last ||= /\nconnection: *close/i.test(head);
    from = next;
  }
  return { answers, wrong, rest: text.slice(from), last };
}

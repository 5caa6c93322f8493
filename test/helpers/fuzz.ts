/* Makes bytes that are nearly requests; they are the same for the same seed. */

/** Random numbers from 0 to 1: mulberry32, by Tommy Ettinger, in the public domain. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const REQUESTS = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /path?query=1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nUser-Agent: fuzz\r\nCookie: a=b; c=d\r\nConnection: close\r\n\r\n',
  'HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nContent-Type: text/plain\r\n\r\nhello world',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n\x16\x03\x01',
  'GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0',
].map((text) => Buffer.from(text, 'latin1'));

const PIECES = [
  ...['\r', '\n', '\r\n', '\r\n\r\n', '\n\n', ' ', '\t', '\0', ':', ',', ';', '-1', '0', 'ffffffffffffffff', '\xff'],
  ...['HTTP/1.1', 'HTTP/1.0', 'HTTP/9.9', 'GET ', 'POST ', 'CONNECT ', 'Host: b\r\n', 'Content-Length: 5\r\n'],
  ...['Content-Length: 99999999999999999999\r\n', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: x\r\n'],
  ...[
    'Connection: close\r\n',
    'Connection: upgrade\r\n',
    'Upgrade: h2c\r\n',
    'Expect: x\r\n',
    '0\r\n\r\n',
    '%00',
    '../',
  ],
].map((text) => Buffer.from(text, 'latin1'));

export function randomBytes(random: () => number, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}

/** A request with one to four mistakes. */
export function mutated(random: () => number): Buffer {
  const below = (limit: number): number => Math.floor(random() * limit);
  const pick = (list: readonly Buffer[]): Buffer => list[below(list.length)] as Buffer;
  let bytes = pick(REQUESTS);
  for (let count = 1 + below(4); count > 0; count--) {
    const at = below(bytes.length + 1);
    const to = Math.min(bytes.length, at + 1 + below(8));
    const replacement = [
      () => pick(PIECES),
      () => randomBytes(random, 1 + below(4)),
      () => Buffer.alloc(0),
      () => Buffer.concat([bytes.subarray(at, to), bytes.subarray(at, to)]),
      () => pick(REQUESTS),
      () => Buffer.from(bytes.subarray(at, to).map((byte) => byte ^ (1 << below(8)))),
    ][below(6)] as () => Buffer;
    const rest = random() < 0.5 ? at : to;
    bytes = Buffer.concat([bytes.subarray(0, at), replacement(), bytes.subarray(rest)]);
    if (random() < 0.1) bytes = bytes.subarray(0, below(bytes.length + 1));
  }
  return bytes;
}

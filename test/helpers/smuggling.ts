/*
 * Requests whose end two parsers may see at different places, each with what follows on the connection. Where the
 * length is in doubt, nothing that follows may reach a handler. Where it is not, RFC 9112 says what must reach one.
 */

export interface Pair {
  readonly name: string;
  /** As latin1. */
  readonly bytes: string;
  /** What handlers see, in this order, on a connection that is kept. */
  readonly seen: readonly Seen[];
  /** The statuses of the answers. */
  readonly statuses: readonly number[];
}

/** A request as a handler saw it. */
export type Seen = readonly [method: string, url: string, body: string | undefined];

/** The body of a request whose handler was called before the body turned out to be malformed: its end never comes. */
export const BROKEN = undefined;

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
const NEXT = 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n';
const TE = 'Transfer-Encoding: chunked\r\n';

/** The head of a request; its body follows. */
const post = (lines: string): string => `POST /first HTTP/1.1\r\nHost: a\r\n${lines}\r\n`;
const chunk = (data: string): string => `${data.length.toString(16)}\r\n${data}\r\n`;

/** Requests that are refused because of the head: no handler sees anything. */
const refused = (rows: Readonly<Record<string, string>>): Pair[] =>
  Object.entries(rows).map(([name, bytes]) => ({ name, bytes, seen: [], statuses: [400] }));

/** Requests that are refused in the middle of the body. */
const broken = (rows: Readonly<Record<string, string>>): Pair[] =>
  Object.entries(rows).map(([name, bytes]) => ({ name, bytes, seen: [['POST', '/first', BROKEN]], statuses: [400] }));

/** Valid requests, each followed by another request that must be served. */
const followed = (rows: Readonly<Record<string, readonly [bytes: string, body: string]>>): Pair[] =>
  Object.entries(rows).map(([name, [bytes, body]]) => ({
    name,
    bytes: bytes + NEXT,
    seen: [
      ['POST', '/first', body],
      ['GET', '/next', ''],
    ],
    statuses: [200, 200],
  }));

/**
 * A request with two codings, or a disguised one, and a Content-Length beside it. The body is valid for a parser that
 * reads chunks, and for one that does not.
 */
const coded = (line: string): string =>
  `${post(`Content-Length: ${5 + SMUGGLED.length}\r\n${line}`)}0\r\n\r\n${SMUGGLED}`;

export const PAIRS: readonly Pair[] = [
  ...refused({
    'CL.TE': `${post(`Content-Length: 6\r\n${TE}`)}0\r\n\r\nG${SMUGGLED}`,
    'CL.TE, the whole second request': coded(TE),
    'TE.CL': `${post(`${TE}Content-Length: 4\r\n`)}${chunk(SMUGGLED)}0\r\n\r\n`,
    'TE.CL, a length of 0': `${post(`${TE}Content-Length: 0\r\n`)}${chunk('abc')}0\r\n\r\n${SMUGGLED}`,
    'TE.TE, an unknown one behind': coded(`${TE}Transfer-Encoding: x\r\n`),
    'TE.TE, an unknown one before': coded(`Transfer-Encoding: x\r\n${TE}`),
    'TE.TE, identity behind': coded(`${TE}Transfer-Encoding: identity\r\n`),
    'TE with a letter before': coded('Transfer-Encoding: xchunked\r\n'),
    'TE with a letter behind': coded('Transfer-Encoding: chunkedx\r\n'),
    'TE with a parameter': coded('Transfer-Encoding: chunked;q=1\r\n'),
    'TE with a blank before the colon': coded('Transfer-Encoding : chunked\r\n'),
    'TE with a tab before the value': coded('Transfer-Encoding:\tchunked\r\n'),
    'TE with a vertical tab before the value': coded('Transfer-Encoding: \x0bchunked\r\n'),
    'TE with a vertical tab behind': coded('Transfer-Encoding: chunked\x0b\r\n'),
    'TE with NUL behind': coded('Transfer-Encoding: chunked\0\r\n'),
    'TE with NUL in the name': coded('Transfer-Encoding\0: chunked\r\n'),
    'TE with a trailing comma': coded('Transfer-Encoding: chunked,\r\n'),
    'TE with a leading comma': coded('Transfer-Encoding: ,chunked\r\n'),
    'TE in quotes': coded('Transfer-Encoding: "chunked"\r\n'),
    'TE on a folded line': coded('Transfer-Encoding:\r\n chunked\r\n'),
    'TE behind a bare LF': coded('X: x\nTransfer-Encoding: chunked\r\n'),
    'TE behind a bare CR': coded('X: x\rTransfer-Encoding: chunked\r\n'),
    'TE with a bare LF in the name': coded('Transfer-Encoding\n: chunked\r\n'),
    'TE behind a blank': coded(' Transfer-Encoding: chunked\r\n'),
    'two Content-Lengths, the short one first':
      post(`Content-Length: 0\r\nContent-Length: ${SMUGGLED.length}\r\n`) + SMUGGLED,
    'two Content-Lengths, the long one first':
      post(`Content-Length: ${SMUGGLED.length}\r\nContent-Length: 0\r\n`) + SMUGGLED,
    'two Content-Lengths in different case':
      post(`content-length: 0\r\nCONTENT-LENGTH: ${SMUGGLED.length}\r\n`) + SMUGGLED,
    'a list of Content-Lengths': post(`Content-Length: 0, ${SMUGGLED.length}\r\n`) + SMUGGLED,
    'a Content-Length with a plus sign': `${post('Content-Length: +3\r\n')}abc${SMUGGLED}`,
    'a Content-Length with a minus sign': post('Content-Length: -0\r\n') + SMUGGLED,
    'a Content-Length with a blank in it': post(`Content-Length: 0 ${SMUGGLED.length}\r\n`) + SMUGGLED,
    'a Content-Length with letters behind': post('Content-Length: 0x\r\n') + SMUGGLED,
    'a Content-Length with NUL behind': post('Content-Length: 0\x001\r\n') + SMUGGLED,
    'a Content-Length that wraps around at 64 bits': `${post('Content-Length: 18446744073709551619\r\n')}abc${SMUGGLED}`,
    'a Content-Length on a folded line': post('Content-Length:\r\n 0\r\n') + SMUGGLED,
    'a Content-Length continued': `${post('Content-Length: 0\r\n 3\r\n')}abc${SMUGGLED}`,
    'a Content-Length with a blank before the colon': post(`Content-Length : ${SMUGGLED.length}\r\n`) + SMUGGLED,
    'a Content-Length behind a bare LF': post(`X: x\nContent-Length: ${SMUGGLED.length}\r\n`) + SMUGGLED,
    'a Content-Length behind a bare CR': post(`X: x\rContent-Length: ${SMUGGLED.length}\r\n`) + SMUGGLED,
    'a head that ends with bare LFs': `POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 0\n\n${SMUGGLED}`,
    'a head with one bare LF': `POST /first HTTP/1.1\nHost: a\r\nContent-Length: 0\r\n\r\n${SMUGGLED}`,
    'a head that ends with a bare CR': `POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\r${SMUGGLED}`,
  }),
  ...broken({
    'an unknown coding without a length beside it': post('Transfer-Encoding: x\r\n') + SMUGGLED,
    'trailers that look like framing': `${post(TE)}${chunk('abc')}0\r\nContent-Length: 99\r\n\r\n${SMUGGLED}`,
    'a chunk size of 64 bits and more': `${post(TE)}1${'0'.repeat(15)}3\r\nabc\r\n0\r\n\r\n${SMUGGLED}`,
    'a chunk size with 0x': `${post(TE)}0x3\r\nabc\r\n0\r\n\r\n${SMUGGLED}`,
    'a chunk size with a sign': `${post(TE)}+3\r\nabc\r\n0\r\n\r\n${SMUGGLED}`,
    'a chunk size with a blank behind': `${post(TE)}3 \r\nabc\r\n0\r\n\r\n${SMUGGLED}`,
    'a chunk size with letters behind': `${post(TE)}3 x\r\nabc\r\n0\r\n\r\n${SMUGGLED}`,
    'a chunk size with NUL behind': `${post(TE)}3\0\r\nabc\r\n0\r\n\r\n${SMUGGLED}`,
    'a chunk size with a bare LF': `${post(TE)}3\nabc\r\n0\r\n\r\n${SMUGGLED}`,
    'a chunk size with a bare CR': `${post(TE)}3\rabc\r\n0\r\n\r\n${SMUGGLED}`,
    'an empty chunk size': `${post(TE)}\r\nabc\r\n0\r\n\r\n${SMUGGLED}`,
    'a bare LF in a chunk extension': `${post(TE)}3;\nxx\r\nabc\r\n0\r\n\r\n${SMUGGLED}`,
    'a bare CR in a chunk extension': `${post(TE)}3;\rxx\r\nabc\r\n0\r\n\r\n${SMUGGLED}`,
    'a chunk that goes on behind its end': `${post(TE)}3\r\nabcX\r\n0\r\n\r\n${SMUGGLED}`,
    'a chunk that ends with two other bytes': `${post(TE)}3\r\nabcXX0\r\n\r\n${SMUGGLED}`,
    'a chunk that ends with a bare LF': `${post(TE)}3\r\nabc\n0\r\n\r\n${SMUGGLED}`,
    'a chunk that ends with a bare CR': `${post(TE)}3\r\nabc\r0\r\n\r\n${SMUGGLED}`,
    'a last chunk with a bare LF': `${post(TE)}0\n\n${SMUGGLED}`,
    'a last chunk and a bare LF': `${post(TE)}0\r\n\n${SMUGGLED}`,
    'a request behind the last chunk in place of a trailer': `${post(TE)}0\r\n${SMUGGLED}`,
    'a trailer with a bare LF': `${post(TE)}0\r\nX: x\n\r\n${SMUGGLED}`,
  }),
  ...followed({
    'a Content-Length': [`${post('Content-Length: 3\r\n')}abc`, 'abc'],
    'a Content-Length with zeros before it': [`${post('Content-Length: 0003\r\n')}abc`, 'abc'],
    'a Content-Length with blanks around it': [`${post('Content-Length:  3  \r\n')}abc`, 'abc'],
    'a Content-Length that takes line ends in': [`${post('Content-Length: 5\r\n')}abc\r\n`, 'abc\r\n'],
    'a body that looks like a request': [post(`Content-Length: ${SMUGGLED.length}\r\n`) + SMUGGLED, SMUGGLED],
    'a chunk that looks like a request': [`${post(TE)}${chunk(SMUGGLED)}0\r\n\r\n`, SMUGGLED],
    'a chunk that looks like the last one': [`${post(TE)}${chunk('0\r\n\r\n')}0\r\n\r\n`, '0\r\n\r\n'],
    'no length at all': [post(''), ''],
    'a name that only looks like Content-Length': [post(`Content_Length: 3\r\nContent-Length-: 3\r\n`), ''],
    'a name that only looks like Transfer-Encoding': [
      `${post(`Transfer_Encoding: chunked\r\nContent-Length: 3\r\n`)}abc`,
      'abc',
    ],
    'empty lines behind a body': [`${post('Content-Length: 3\r\n')}abc\r\n\r\n\r\n`, 'abc'],
    'chunk extensions': [`${post(TE)}3;a=b;c="d;e"\r\nabc\r\n0;f\r\n\r\n`, 'abc'],
    'a chunk size with zeros before it': [`${post(TE)}0003\r\nabc\r\n000\r\n\r\n`, 'abc'],
    'a coding in capitals': [`${post('TRANSFER-ENCODING: CHUNKED\r\n')}${chunk('abc')}0\r\n\r\n`, 'abc'],
  }),
  // RFC 9112, 9.6: nothing may follow a request that ends the connection. Node treats what follows as an error.
  {
    name: 'a request behind Connection: close',
    bytes: `${post('Connection: close\r\nContent-Length: 3\r\n')}abc${SMUGGLED}`,
    seen: [['POST', '/first', 'abc']],
    statuses: [400],
  },
  {
    name: 'a request behind one of HTTP/1.0',
    bytes: `POST /first HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc${SMUGGLED}`,
    seen: [['POST', '/first', 'abc']],
    statuses: [400],
  },
];

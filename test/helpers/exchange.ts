import { type Agent, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { Readable } from 'node:stream';

/**
 * How a request failed. `refused`: no connection. `reset`: the connection broke before any byte of the answer, by RST;
 * `hang up`: the same by FIN. `truncated`: the connection ended within the answer. `status`: an answer other than 200.
 * `body`: not the body that was expected. `hang`: nothing moved for too long. `error`: anything else.
 */
export type FailureKind = 'refused' | 'reset' | 'hang up' | 'truncated' | 'status' | 'body' | 'hang' | 'error';

export class ExchangeFailure extends Error {
  readonly kind: FailureKind;
  /** The code of the system or of Node's HTTP parser; for `status`, the status. */
  readonly code: string | number | undefined;
  /** Whether the request was sent on a connection that had served another request before. */
  readonly reused: boolean;

  constructor(kind: FailureKind, code: string | number | undefined, message: string, reused: boolean) {
    super(message);
    this.kind = kind;
    this.code = code;
    this.reused = reused;
  }
}

export interface Exchange {
  /** Where the request is sent: `host` and `port`, or `socketPath`. */
  readonly to: Pick<RequestOptions, 'host' | 'port' | 'socketPath'>;
  readonly path?: string;
  /** The agent that keeps the connection; `false` for a connection of its own, which is closed after the answer. */
  readonly agent: Agent | false;
  /** How many bytes are sent by POST; without it, the request is a GET. */
  readonly upload?: number;
  /** What the body of a right answer matches. */
  readonly expects: RegExp;
  /** After this time without a byte sent or received, the request counts as hanging. Milliseconds. */
  readonly silence: number;
}

const CHUNK = Buffer.alloc(64 * 1024, 'x');
/** A Unix socket whose file is gone refuses with ENOENT, one whose queue is full with EAGAIN. */
const REFUSED = new Set(['ECONNREFUSED', 'ENOENT', 'EAGAIN']);
/** The codes of Node's parser for bytes that are no answer. An answer that ends early is another kind of failure. */
const GARBAGE = /^HPE_(?!INVALID_EOF_STATE)/;

/**
 * Sends one request, never twice. Resolves with the body of a right answer; rejects with an {@link ExchangeFailure}.
 */
export function exchange({ to, path = '/', agent, upload, expects, silence }: Exchange): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      ...to,
      path,
      agent,
      ...(upload !== undefined && { method: 'POST', headers: { 'Content-Length': upload } }),
    });
    /** How many bytes of the answer have come. */
    let received = (): number => 0;
    /** Only the first failure counts: a server that answers an upload too early may well reset afterwards. */
    const fail = (kind: FailureKind, code: string | number | undefined, message: string): void => {
      clearTimeout(timer);
      reject(new ExchangeFailure(kind, code, message, outgoing.reusedSocket));
      outgoing.destroy();
    };
    const hangs = (): void => fail('hang', undefined, `nothing moved for ${silence} ms`);
    // Not the timeout of the socket, which does not cover the time of the connect.
    const timer = setTimeout(hangs, silence);
    const moved = (): void => void timer.refresh();

    outgoing.on('socket', (socket) => {
      const before = socket.bytesRead;
      received = () => socket.bytesRead - before;
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const { code, message } = error;
      if (REFUSED.has(code ?? '')) fail('refused', code, message);
      else if (GARBAGE.test(code ?? '')) fail('error', code, message);
      else if (received() > 0) fail('truncated', code, message);
      else if (message === 'socket hang up') fail('hang up', code, message);
      else if (code === 'ECONNRESET' || code === 'EPIPE') fail('reset', code, message);
      else fail('error', code, message);
    });
    outgoing.on('response', (response: IncomingMessage) => {
      let body = '';
      moved();
      response.setEncoding('latin1').on('data', (text: string) => {
        moved();
        body += text;
      });
      response.on('error', ({ message, code }: NodeJS.ErrnoException) => fail('truncated', code, message));
      response.on('end', () => {
        const got = `got ${response.statusCode} ${JSON.stringify(body.slice(0, 100))}`;
        if (response.statusCode !== 200) return fail('status', response.statusCode, got);
        if (!expects.test(body)) return fail('body', undefined, got);
        clearTimeout(timer);
        resolve(body);
      });
    });
    if (upload === undefined) outgoing.end();
    // The Content-Length tells where the body ends. `end()` would only make one more, empty write: if a server has
    // answered and closed by then, that is EPIPE on a Unix socket, and the answer is not read any more. (Seen with a
    // bare `http.Server` on a busy machine, too.)
    else Readable.from(chunks(upload, moved)).pipe(outgoing, { end: false });
  });
}

function* chunks(bytes: number, onChunk: () => void): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= CHUNK.length) {
    onChunk();
    yield left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
  }
}

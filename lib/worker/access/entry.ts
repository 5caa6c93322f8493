import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ConnectionAccount, type Counted, writtenTo } from './account.js';
import { valuesOf } from './client.js';
import type { Facts } from './format.js';
import { interimOf } from './interim.js';

/** Nothing of an answer has been sent: its client has gone, or the worker has. As nginx has it. */
export const NO_ANSWER = 499;

/** In a head, which is Latin-1. */
const NOT_ASCII = /[\x80-\xff]/;

type Send = (this: Answer, data: unknown, encoding?: string | null, ...rest: unknown[]) => unknown;
/** Undocumented, but there from Node 20 to 26. */
type Answer = ServerResponse & {
  _send?: Send;
  readonly _header?: string | null;
  readonly outputData?: readonly unknown[];
  readonly stream?: Duplex & { readonly sentHeaders?: Readonly<Record<string, unknown>> };
};
/** The response that is being written. The same. */
type Writing = { readonly _httpMessage?: Answer | null };

/** Who is told when an entry has come to its end, at this moment of `performance.now()`. */
export type Close = (entry: Entry, now: number) => void;

/** What knows when a request has begun, of `performance.now()`; 0 before. */
export interface Timed {
  readonly began: number;
}

/** One request, from its head to its line. What may change or go away by then is looked up at the beginning. There is one for each request, so it has no private fields: these cost more. */
export class Entry implements Facts {
  readonly request: IncomingMessage | undefined;
  readonly peer: string;
  readonly method: string;
  readonly url: string;
  /** When its head had come, if it could not begin at once; else 0, and it did so when that one says. */
  came = 0;
  readonly visit: Timed | undefined;
  response: Answer | undefined = undefined;
  /** Of its connection, where it is answered by a response of HTTP/1. */
  account: ConnectionAccount | undefined = undefined;
  id = '';
  status = 0;
  bytes = 0;
  aborted = false;
  client = '';
  duration = 0;
  time = 0;
  isClosed = false;
  /** Others that have no line yet. */
  previous: Entry | undefined = undefined;
  next: Entry | undefined = undefined;
  /** @internal How much had been written to the connection when the answer had ended; -1 before. */
  total = -1;
  /** @internal */
  isNoted = false;
  /** @internal By how much its head is longer on the wire than as a string. */
  headMore = 0;
  /** What finds out how it is answered, where that is not by a response. */
  measureOther: (() => void) | undefined = undefined;
  readonly onClose: Close;

  /**
   * @param request - undefined where its head could not be read.
   * @param visit - undefined where it begins now.
   */
  constructor(request: IncomingMessage | undefined, peer: string, onClose: Close, visit?: Timed) {
    this.request = request;
    this.peer = peer;
    this.method = request?.method ?? '';
    // A framework changes it while it routes.
    this.url = request?.url ?? '';
    this.onClose = onClose;
    this.visit = visit;
    if (visit === undefined) this.came = performance.now();
  }

  get version(): string {
    return this.request?.httpVersion ?? '';
  }

  /** It is answered by this response, on HTTP/1. */
  answerWith(response: Answer, stream: Counted & Writing, account: ConnectionAccount): void {
    this.response = response;
    this.account = account;
    account.stream = stream;
    const { _httpMessage: current } = stream;
    // A response before this one has not ended: each of them is to tell when it does, since by the time of its `'close'` the next one has written.
    if (current && current !== response) {
      account.last?.noteEnd();
      this.noteEnd();
    }
    account.last = this;
  }

  /** @internal */
  noteEnd(): void {
    if (this.isNoted || this.total >= 0) return;
    this.isNoted = true;
    // Before Node's own listener, which lets the next answer of the connection write.
    this.response?.prependListener('finish', () => {
      if (this.total < 0) this.total = writtenTo(this.account?.stream);
    });
  }

  /** Something that is no answer of the application's is written behind this one, now or when it has ended. */
  isFollowed(): void {
    const { response, account } = this;
    // All of it has been written, but for one that is held back behind another one.
    if (response?.writableEnded && response.socket !== null && this.total < 0) this.total = writtenTo(account?.stream);
    else this.noteEnd();
  }

  /** The head of its answer is on its way; what the application sets later is not sent. */
  headSent(): void {
    const { response } = this;
    if (response === undefined) return;
    this.status = response.statusCode;
    if (NOT_ASCII.test(response._header ?? '')) this.#watchHead(response);
  }

  /** Node writes a head in Latin-1, unless a string of UTF-8 comes first behind it: then they are one string. */
  #watchHead(response: Answer): void {
    const { _send: send, _header: head } = response;
    if (send === undefined || !head) return;
    response._send = (data, encoding, ...rest) => {
      response._send = send;
      if (typeof data === 'string' && (!encoding || encoding === 'utf8'))
        this.headMore = Buffer.byteLength(head) - head.length;
      return send.call(response, data, encoding, ...rest);
    };
  }

  /** What has been sent by others than the response: the status, and so much of a body. */
  sentBeside(status: number, bytes: number): void {
    if (this.isClosed) return;
    this.status = status;
    this.bytes = bytes;
    this.response = undefined;
    this.close();
  }

  /** The answer has come to its end, whole or not. */
  close(now: number = performance.now()): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const { account, response } = this;
    // What is kept of a silent connection must not be a whole request.
    if (account?.last === this) account.last = undefined;
    if (response === undefined) this.measureOther?.();
    else if (response.stream) this.#measureStream(response.stream);
    else if (account) this.#measure(response, account);
    if (this.status === 0) {
      this.status = NO_ANSWER;
      this.aborted = true;
    }
    this.onClose(this, now);
  }

  header(name: string): string | undefined {
    if (this.request === undefined) return undefined;
    const { rawHeaders } = this.request;
    // Clients of HTTP/2 say it with another name.
    return valuesOf(rawHeaders, name) || (name === 'host' && valuesOf(rawHeaders, ':authority')) || undefined;
  }

  sent(name: string): string | undefined {
    const { response } = this;
    if (response?.stream) return textOf(response.stream.sentHeaders?.[name] ?? response.getHeader(name));
    // What was given to `writeHead` stands nowhere else.
    const head = response?._header ?? '';
    for (const line of head.split('\r\n').slice(1)) {
      const end = line.indexOf(':');
      if (end === name.length && line.slice(0, end).toLowerCase() === name) return line.slice(end + 1).trim();
    }
    return undefined;
  }

  #measure(response: Answer, account: ConnectionAccount): void {
    const { total: before, unsent, stream } = account;
    // It may wait behind an answer that was never finished.
    const isHeld = response.socket === null && (response.outputData?.length ?? 0) > 0;
    if (isHeld) this.status = 0;
    if (isHeld || !response.writableEnded || unsent > 0) this.aborted = true;
    if (this.status === 0) return;
    account.total = (this.total >= 0 ? this.total : writtenTo(stream)) - unsent;
    const head = (response._header?.length ?? 0) + this.headMore + interimOf(response);
    this.bytes = Math.max(0, account.total - before - head);
  }

  #measureStream(stream: Duplex & { readonly sentHeaders?: Readonly<Record<string, unknown>> }): void {
    if (!stream.writableFinished || (stream as { rstCode?: number }).rstCode) this.aborted = true;
    this.status = Number(stream.sentHeaders?.[':status'] ?? 0);
  }
}

function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : String(value);
}

/** How much of an answer of HTTP/2 has been sent: Node tells nothing of it, so each write is counted when it has been done. */
export function countWrites(stream: Duplex, entry: Entry): void {
  type Done = (error?: Error | null) => void;
  const counted = (bytes: number, done: Done): Done => {
    return (error) => {
      if (!error) entry.bytes += bytes;
      done(error);
    };
  };
  const { _write: write, _writev: writev } = stream;
  stream._write = (chunk: Buffer | string, encoding, done) => {
    const bytes = typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding) : chunk.length;
    write.call(stream, chunk, encoding, counted(bytes, done));
  };
  if (!writev) return;
  stream._writev = (chunks, done) => {
    const sizes = chunks.map(({ chunk, encoding }) =>
      typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding) : (chunk as Buffer).length,
    );
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    writev.call(stream, chunks, counted(bytes, done));
  };
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ConnectionAccount, type Counted, writtenTo } from './account.js';
import { valuesOf } from './client.js';
import type { Facts } from './format.js';
import { interimOf } from './interim.js';

/** The status where nothing of an answer was sent, because the client or the worker has gone. As in nginx. */
export const NO_ANSWER = 499;

/** For a head, which is a string of Latin-1. */
const NOT_ASCII = /[\x80-\xff]/;

type Send = (this: Answer, data: unknown, encoding?: string | null, ...rest: unknown[]) => unknown;
/** Undocumented, but there from Node 20 to 26. */
type Answer = ServerResponse & {
  _send?: Send;
  readonly _header?: string | null;
  readonly outputData?: readonly unknown[];
  readonly stream?: Duplex & { readonly sentHeaders?: Readonly<Record<string, unknown>> };
};
/** `_httpMessage` is the response that is being written. Also undocumented, but there from Node 20 to 26. */
type Writing = { readonly _httpMessage?: Answer | null };

/** Called when an entry has come to its end, with that moment of `performance.now()`. */
export type Close = (entry: Entry, now: number) => void;

/** Knows when a request has begun, of `performance.now()`; 0 before. */
export interface Timed {
  readonly began: number;
}

/**
 * One request in the access log, from its head to its line. What may change or go away meanwhile is looked up at the
 * beginning. An entry is made for each request, so it has no private fields, which cost more.
 */
export class Entry implements Facts {
  readonly request: IncomingMessage | undefined;
  readonly peer: string;
  readonly method: string;
  readonly url: string;
  /** When the head had come, if the request could not begin at once; else 0, and `visit` knows when it began. */
  came = 0;
  readonly visit: Timed | undefined;
  response: Answer | undefined = undefined;
  /** The account of its connection, if the request is answered by a response of HTTP/1. */
  account: ConnectionAccount | undefined = undefined;
  id = '';
  status = 0;
  bytes = 0;
  aborted = false;
  client = '';
  duration = 0;
  time = 0;
  isClosed = false;
  /** Neighbours in the list of the entries that have no line yet. */
  previous: Entry | undefined = undefined;
  next: Entry | undefined = undefined;
  /** @internal How many bytes had been written to the connection when the answer ended; -1 before. */
  total = -1;
  /** @internal */
  isNoted = false;
  /** @internal How many bytes longer the head is on the wire than as a string. */
  headMore = 0;
  /** Finds out how the request was answered, if not by a response. */
  measureOther: (() => void) | undefined = undefined;
  readonly onClose: Close;

  /**
   * @param request - undefined where its head could not be read.
   * @param visit - undefined where the request begins now.
   */
  constructor(request: IncomingMessage | undefined, peer: string, onClose: Close, visit?: Timed) {
    this.request = request;
    this.peer = peer;
    this.method = request?.method ?? '';
    // Copied, since a framework changes `request.url` while it routes.
    this.url = request?.url ?? '';
    this.onClose = onClose;
    this.visit = visit;
    if (visit === undefined) this.came = performance.now();
  }

  get version(): string {
    return this.request?.httpVersion ?? '';
  }

  /** The request is answered by this response of HTTP/1. */
  answerWith(response: Answer, stream: Counted & Writing, account: ConnectionAccount): void {
    this.response = response;
    this.account = account;
    account.stream = stream;
    const { _httpMessage: current } = stream;
    // A response before this one has not ended. Each of them must note the byte count when it ends: by the time of its
    // `'close'`, the next one has written.
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
    // This must come before Node's own listener, which lets the next answer of the connection write.
    this.response?.prependListener('finish', () => {
      if (this.total < 0) this.total = writtenTo(this.account?.stream);
    });
  }

  /** Something that is not an answer of the application is written behind this one, now or when it has ended. */
  isFollowed(): void {
    const { response, account } = this;
    // An ended answer has been written completely, unless it is held back behind another one.
    if (response?.writableEnded && response.socket !== null && this.total < 0) this.total = writtenTo(account?.stream);
    else this.noteEnd();
  }

  /** The head of the answer is on its way; what the application sets later is not sent. */
  headSent(): void {
    const { response } = this;
    if (response === undefined) return;
    this.status = response.statusCode;
    if (NOT_ASCII.test(response._header ?? '')) this.#watchHead(response);
  }

  /**
   * Node writes a head in Latin-1. But if a UTF-8 string is the first chunk after it, Node joins the two into one UTF-8
   * string, and the head becomes longer.
   */
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

  /** The request was answered by something else than its response, with this status and so many bytes of a body. */
  sentBeside(status: number, bytes: number): void {
    if (this.isClosed) return;
    this.status = status;
    this.bytes = bytes;
    this.response = undefined;
    this.close();
  }

  /** The answer has come to its end, complete or not. */
  close(now: number = performance.now()): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const { account, response } = this;
    // An idle connection must not keep a whole request in memory.
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
    // HTTP/2 clients send the host under another name.
    return valuesOf(rawHeaders, name) || (name === 'host' && valuesOf(rawHeaders, ':authority')) || undefined;
  }

  sent(name: string): string | undefined {
    const { response } = this;
    if (response?.stream) return textOf(response.stream.sentHeaders?.[name] ?? response.getHeader(name));
    // Headers that were passed to `writeHead` are found nowhere else.
    const head = response?._header ?? '';
    for (const line of head.split('\r\n').slice(1)) {
      const end = line.indexOf(':');
      if (end === name.length && line.slice(0, end).toLowerCase() === name) return line.slice(end + 1).trim();
    }
    return undefined;
  }

  #measure(response: Answer, account: ConnectionAccount): void {
    const { total: before, unsent, stream } = account;
    // The answer may be held back behind one that was never finished.
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

/**
 * Counts how much of an HTTP/2 answer has been sent. Node does not report it, so each write is counted when it is done.
 */
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

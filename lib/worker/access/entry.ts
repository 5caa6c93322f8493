import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { peerOf, valuesOf } from './client.js';
import type { Facts } from './format.js';

/** Nothing of an answer has been sent: its client has gone, or the worker has. As nginx has it. */
export const NO_ANSWER = 499;
/** `HTTP/1.1 100 Continue`, which Node writes. Bytes. */
const CONTINUE = 25;

/** Undocumented, but there from Node 20 to 26. */
type Answer = ServerResponse & {
  readonly _header?: string | null;
  readonly _sent100?: boolean;
  readonly outputData?: readonly unknown[];
  readonly stream?: Duplex & { readonly sentHeaders?: Readonly<Record<string, unknown>> };
};
type Handle = { readonly writeQueueSize?: number };

/**
 * How much had been written to a connection when its last answer had ended; and how much of that the system had not taken when it was closed. Bytes. The first is there from
 * the first request on.
 */
const TOTAL: unique symbol = Symbol('total');
const UNSENT: unique symbol = Symbol('unsent');
type Counted = Socket & {
  [TOTAL]?: number;
  [UNSENT]?: number;
  _handle?: Handle | null;
  readonly _bytesDispatched?: number;
  /** The response that is being written. */
  readonly _httpMessage?: Answer | null;
};

const ENTRY: unique symbol = Symbol('entry');

/** The entry of a request; undefined where none has been begun. */
export function entryOf(request: IncomingMessage): Entry | undefined {
  return (request as { [ENTRY]?: Entry })[ENTRY];
}

/** Who is told when an entry has come to its end. */
export type Close = (entry: Entry) => void;

/** One request, from its head to its line. What may change or go away by then is looked up at the beginning. */
export class Entry implements Facts {
  readonly request: IncomingMessage | undefined;
  response: Answer | undefined;
  /** What is spoken through, where that is HTTP/1. */
  stream: Counted | undefined;
  readonly peer: string;
  readonly method: string;
  readonly url: string;
  readonly version: string;
  readonly began: number = performance.now();
  id = '';
  status = 0;
  bytes = 0;
  aborted = false;
  client = '';
  duration = 0;
  time = 0;
  isClosed = false;
  readonly #close: Close;
  /** How much had been written to the connection when the answer had ended; -1 before. */
  #total = -1;
  #isNoted = false;
  #measureOther: (() => void) | undefined;
  /** Others that have no line yet. */
  previous: Entry | undefined = undefined;
  next: Entry | undefined = undefined;

  /** @param request - undefined where its head could not be read. */
  constructor(request: IncomingMessage | undefined, socket: Socket, close: Close) {
    this.request = request;
    this.peer = peerOf(socket);
    this.method = request?.method ?? '';
    // A framework changes it while it routes.
    this.url = request?.url ?? '';
    this.version = request?.httpVersion ?? '';
    this.#close = close;
    if (request) (request as { [ENTRY]?: Entry })[ENTRY] = this;
  }

  /** It is answered by this response, on HTTP/1. */
  answerWith(response: Answer, stream: Counted): void {
    this.response = response;
    this.stream = stream;
    if (stream[TOTAL] === undefined) {
      stream[TOTAL] = 0;
      stream._destroy = destroyCounted;
    }
    const { _httpMessage: current } = stream;
    if (current && current !== response) this.#comesBehind(current);
  }

  /** A response before this one has not ended: each of them is to tell when it does, since by the time of its `'close'` the next one has written. */
  #comesBehind(current: Answer): void {
    const before = entryOf(current.req);
    if (before && before.#total < 0) before.#noteEnd();
    this.#noteEnd();
  }

  #noteEnd(): void {
    if (this.#isNoted) return;
    this.#isNoted = true;
    // Before Node's own listener, which lets the next answer of the connection write.
    this.response?.prependListener('finish', () => {
      this.#total = this.stream?.bytesWritten ?? 0;
    });
  }

  /** The head of its answer is on its way; what the application sets later is not sent. */
  headSent(): void {
    if (this.response) this.status = this.response.statusCode;
  }

  /** What has been sent by others than the response: the status, and so much of a body. */
  sentBeside(status: number, bytes: number): void {
    if (this.isClosed) return;
    this.status = status;
    this.bytes = bytes;
    this.response = undefined;
    this.close();
  }

  /** What finds out how it is answered, where that is not by a response. */
  measureWith(measure: () => void): void {
    this.#measureOther = measure;
  }

  /** The answer has come to its end, whole or not. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (this.response?.stream) this.#measureStream(this.response.stream);
    else if (this.response) this.#measure(this.response);
    else this.#measureOther?.();
    if (this.status === 0) {
      this.status = NO_ANSWER;
      this.aborted = true;
    }
    this.#close(this);
  }

  header(name: string): string | undefined {
    const values = this.request && valuesOf(this.request.rawHeaders, name);
    return values === '' ? undefined : values;
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

  #measure(response: Answer): void {
    const stream = this.stream as Counted;
    const unsent = stream[UNSENT] ?? 0;
    // It may wait behind an answer that was never finished.
    const isHeld = response.socket === null && (response.outputData?.length ?? 0) > 0;
    if (isHeld) this.status = 0;
    if (isHeld || !response.writableEnded || unsent > 0) this.aborted = true;
    if (this.status === 0) return;
    const before = stream[TOTAL] ?? 0;
    const total = (this.#total >= 0 ? this.#total : (stream.bytesWritten ?? 0)) - unsent;
    stream[TOTAL] = total;
    const head = (response._header?.length ?? 0) + (response._sent100 ? CONTINUE : 0);
    this.bytes = Math.max(0, total - before - head);
  }

  #measureStream(stream: Duplex & { readonly sentHeaders?: Readonly<Record<string, unknown>> }): void {
    if (!stream.writableFinished || (stream as { rstCode?: number }).rstCode) this.aborted = true;
    this.status = Number(stream.sentHeaders?.[':status'] ?? 0);
  }
}

/** What has been written, and the system has not taken: that is known until the connection is closed. */
function destroyCounted(this: Counted, error: Error | null, done: (error?: Error | null) => void): void {
  const buffered = (this.bytesWritten ?? 0) - (this._bytesDispatched ?? 0);
  // Of a write that has failed, libuv does not tell any more how much of it had been sent: none of it is counted.
  const isWrite = (error as NodeJS.ErrnoException | null)?.syscall === 'write';
  const queued = isWrite ? lastWrite(this) : (this._handle?.writeQueueSize ?? 0);
  if (buffered + queued > 0) this[UNSENT] = buffered + queued;
  (Object.getPrototypeOf(this) as Socket)._destroy.call(this, error, done);
}

/** The size of the write that was under way. Undocumented, but there from Node 20 to 26. */
function lastWrite(socket: Counted): number {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'lastWriteQueueSize');
  const size = symbol && (socket as unknown as Record<symbol, unknown>)[symbol];
  return typeof size === 'number' ? size : 0;
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

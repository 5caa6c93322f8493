/*
 * What `@hono/node-server` (the adapter) does to a request and its response apart from answering, and how that is
 * prevented here, so that the worker ends failed answers and unread bodies as those of any other handler.
 *
 * If the adapter fails to send a Response, it tells the client: it sends the text of the error, even as the end of an
 * answer that has begun, which makes that answer look complete. Half a second after an answer, it closes a connection
 * whose client still sends. With HTTP/2, if nobody has read the request, it destroys the stream of an answer that has
 * not been sent to its end.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import { isStream } from '../connections/connection.js';
import { endWhenSent } from '../connections/sent-streams.js';

type Call = (this: Held, ...args: unknown[]) => Held;

/** The methods that the response had before they were replaced here. */
const BEFORE: unique symbol = Symbol('before');
/**
 * A head, and the end of an answer, that are held back until it is known whether the adapter reports a failure with
 * them.
 */
const HEAD: unique symbol = Symbol('head');
const END: unique symbol = Symbol('end');
/**
 * The error with which the answer broke off. With HTTP/2, a response has no `errored`, and its stream has an error also
 * when the client has cancelled its request.
 */
const ERRORED: unique symbol = Symbol('errored');
/** The Response that the application has returned. */
const ANSWER: unique symbol = Symbol('answer');

type Held = Omit<ServerResponse, 'writeHead' | 'end' | 'destroy'> & {
  writeHead: Call;
  end: Call;
  destroy: (this: Held, error?: Error) => Held;
  [BEFORE]: { readonly writeHead: Call; readonly end: Call };
  [HEAD]?: unknown[] | undefined;
  [END]?: string | undefined;
  [ERRORED]?: Error;
  [ANSWER]?: Response;
  readonly stream?: ServerHttp2Stream;
};

/** Must be called before the adapter or the application sees the two. */
export function guardExchange(request: IncomingMessage, response: ServerResponse): void {
  const held = response as unknown as Held;
  held[BEFORE] = { writeHead: held.writeHead, end: held.end };
  held.writeHead = heldHead;
  held.end = heldEnd;
  held.destroy = heldDestroy;
  // The adapter cleans up only after requests with other methods than these.
  if (request.method !== 'GET' && request.method !== 'HEAD') response.once('finish', () => markOver(request));
}

/** Notes the Response that the application has returned for this request. */
export function noteAnswer(response: object, answer: Response): Response {
  (response as Held)[ANSWER] = answer;
  return answer;
}

/** Why the answer broke off, or never began, if so. Asked when the adapter is done. */
export function breakOf(response: ServerResponse): Error | undefined {
  const error = response.errored ?? (response as unknown as Held)[ERRORED];
  if (error || response.headersSent || response.writableEnded || response.destroyed) return error ?? undefined;
  const answer = (response as unknown as Held)[ANSWER];
  // With this header, the application says that it has sent the answer by itself.
  if (answer === undefined || answer.headers.has(ALREADY_SENT)) return undefined;
  // The adapter takes this error for that of a client that has left, and reports nothing.
  return new Error('the body of the Response ended early, before anything of it was sent');
}

const ALREADY_SENT = 'x-hono-already-sent';

/**
 * Makes a request look destroyed to the adapter, which then leaves it alone. So Node drops the rest of a body that
 * nobody has begun to read.
 */
function markOver(request: IncomingMessage): void {
  if (!request.readableDidRead) Object.defineProperty(request, 'destroyed', { value: true, configurable: true });
}

function heldHead(this: Held, ...head: unknown[]): Held {
  const waiting = this[HEAD];
  this[HEAD] = undefined;
  // The answer goes on, so the head was not part of a failure. Node, which knows of no head yet, writes one now.
  if (waiting) return this[BEFORE].writeHead.apply(this, waiting);
  if (!isFailure(head)) return this[BEFORE].writeHead.apply(this, head);
  this[HEAD] = head;
  return this;
}

function heldEnd(this: Held, ...args: unknown[]): Held {
  const [text] = args;
  if (args.length !== 1 || typeof text !== 'string' || !text.startsWith(FAILED) || this[END] !== undefined)
    return this[BEFORE].end.apply(this, args);
  this[END] = text;
  queueMicrotask(() => letGo(this));
  return this;
}

/**
 * Sends an end that was held back: it was a body of the application that happens to begin like the adapter's error
 * text.
 */
function letGo(response: Held): void {
  const text = response[END];
  if (text === undefined) return;
  response[END] = undefined;
  response[BEFORE].end.call(response, text);
}

function heldDestroy(this: Held, error?: Error): Held {
  if (error !== undefined && this[END] === FAILED + error.message) {
    this[HEAD] = undefined;
    this[END] = undefined;
    this[ERRORED] ??= error;
    return this;
  }
  letGo(this);
  if (isStream(this.req)) {
    if (error === undefined && this.writableEnded && this.stream) {
      endWhenSent(this.stream);
      return this;
    }
    // As with HTTP/1.1: if the client has gone, nothing counts as broken off.
    if (error !== undefined && !this.stream?.closed && !this.stream?.destroyed) this[ERRORED] ??= error;
  }
  return Object.getPrototypeOf(this).destroy.call(this, error);
}

const FAILED = 'Error: ';

/**
 * Whether this is the head of the adapter's error answer, which it sends if nothing was sent before: `500`, and one
 * header.
 */
function isFailure([status, headers, ...rest]: readonly unknown[]): boolean {
  if (status !== 500 || typeof headers !== 'object' || headers === null || rest.length > 0) return false;
  const [[name, value] = [], ...others] = Object.entries(headers);
  return name === 'Content-Type' && value === 'text/plain' && others.length === 0;
}

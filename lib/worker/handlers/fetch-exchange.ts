/*
 * What `@hono/node-server` does to a request and its response beside the answer, and what becomes of it here, where a worker ends failed
 * answers and unread bodies as those of any other handler.
 *
 * What fails while it sends a Response it tells the client: with the text of the error, also as the end of an answer that was begun, which makes
 * that a whole one. And half a second behind an answer it closes a connection whose client still sends; of HTTP/2 it destroys the stream of an answer
 * that has not been sent to its end, where nobody has read the request.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import { isStream } from '../connections/connection.js';
import { endWhenSent } from '../connections/sent-streams.js';

type Call = (this: Held, ...args: unknown[]) => Held;

/** The methods that the response had before. */
const BEFORE: unique symbol = Symbol('before');
/** A head, and the end of an answer, that wait until it is known whether they are the adapter's word for a failure. */
const HEAD: unique symbol = Symbol('head');
const END: unique symbol = Symbol('end');
/** With what the answer broke off. Of HTTP/2, a response has no `errored`, and that of its stream is there when a client takes its request back, too. */
const ERRORED: unique symbol = Symbol('errored');
/** What the application has returned. */
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

/** To be called before the adapter, or the application, sees the two. */
export function guardExchange(request: IncomingMessage, response: ServerResponse): void {
  const held = response as unknown as Held;
  held[BEFORE] = { writeHead: held.writeHead, end: held.end };
  held.writeHead = heldHead;
  held.end = heldEnd;
  held.destroy = heldDestroy;
  // It cleans up behind the others alone.
  if (request.method !== 'GET' && request.method !== 'HEAD') response.once('finish', () => markOver(request));
}

/** What the application has returned for this request. */
export function noteAnswer(response: object, answer: Response): Response {
  (response as Held)[ANSWER] = answer;
  return answer;
}

/** Why the answer broke off, or never began, if so. Asked when the adapter is done. */
export function breakOf(response: ServerResponse): Error | undefined {
  const error = response.errored ?? (response as unknown as Held)[ERRORED];
  if (error || response.headersSent || response.writableEnded || response.destroyed) return error ?? undefined;
  const answer = (response as unknown as Held)[ANSWER];
  // The application says that it sends the answer by itself.
  if (answer === undefined || answer.headers.has(ALREADY_SENT)) return undefined;
  // The adapter takes it for that of a client that has left, and says nothing.
  return new Error('the body of the Response ended early, before anything of it was sent');
}

const ALREADY_SENT = 'x-hono-already-sent';

/** What comes of a body that nobody has begun to read is Node's to drop: the adapter leaves alone what it takes for destroyed. */
function markOver(request: IncomingMessage): void {
  if (!request.readableDidRead) Object.defineProperty(request, 'destroyed', { value: true, configurable: true });
}

function heldHead(this: Held, ...head: unknown[]): Held {
  const waiting = this[HEAD];
  this[HEAD] = undefined;
  // Something is written behind it, so it was no failure: Node, which knows of no head yet, writes one now.
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

/** A body of the application that begins like that. */
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
    // As with HTTP/1.1, nothing breaks off where the client has gone.
    if (error !== undefined && !this.stream?.closed && !this.stream?.destroyed) this[ERRORED] ??= error;
  }
  return Object.getPrototypeOf(this).destroy.call(this, error);
}

const FAILED = 'Error: ';

/** What the adapter says where nothing has been sent: `500`, and one header. */
function isFailure([status, headers, ...rest]: readonly unknown[]): boolean {
  if (status !== 500 || typeof headers !== 'object' || headers === null || rest.length > 0) return false;
  const [[name, value] = [], ...others] = Object.entries(headers);
  return name === 'Content-Type' && value === 'text/plain' && others.length === 0;
}

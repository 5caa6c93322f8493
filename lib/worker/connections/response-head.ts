import { ServerResponse } from 'node:http';
import { isStream } from './connection.js';

/** Whose answer it is. */
const OWNER: unique symbol = Symbol('owner');

/** Says what the head of each answer is to say about its connection, and learns that one is on its way. */
export interface HeadOwner {
  /** Whether the connection ends with this answer. Asked when its head is written, and not before. */
  closes(response: ServerResponse): boolean;
  headSent(): void;
}

/** The `writeHead` that a response had of its own before. */
const BEFORE: unique symbol = Symbol('before');

type Owned = ServerResponse & { [OWNER]?: HeadOwner; [BEFORE]?: WriteHead; _removedConnection?: boolean };
type WriteHead = (this: ServerResponse, status: number, ...rest: unknown[]) => ServerResponse;
type Headers = Readonly<Record<string, unknown>> | readonly unknown[];

/**
 * Notes whose answer it is, and puts a `writeHead` on the response that asks its owner. Every head goes through it, also an implicit one. To be called
 * once, before the handler: middleware puts its own over it, and calls this one, so nothing may take its place later.
 * It stands on the object, since Express changes the prototype of each response.
 */
export function ownHead(response: Owned, owner: HeadOwner): void {
  response[OWNER] = owner;
  // In HTTP/2 a request is a stream of its own, and the connection is ended by its session.
  if (isStream(response.req)) return;
  // Of a tracer that has patched the server's `emit`, or of a class of the application.
  if (Object.hasOwn(response, 'writeHead')) response[BEFORE] = response.writeHead as unknown as WriteHead;
  response.writeHead = ownedWriteHead as unknown as ServerResponse['writeHead'];
}

function ownedWriteHead(this: Owned, status: number, ...rest: unknown[]): ServerResponse {
  const owner = this[OWNER];
  // What is written too late is refused by Node, in its own words.
  if (!this.headersSent && owner?.closes(this)) {
    sayClose(this);
    for (let index = 0; index < rest.length; index++) rest[index] = closing(rest[index]);
  }
  const returned = inherited(this).call(this, status, ...rest);
  owner?.headSent();
  return returned;
}

/** Who is asked about the head of this response, if anybody is. */
export function ownerOf(response: Owned): HeadOwner | undefined {
  return response[OWNER];
}

/** Whether Node closes the connection behind this answer, whose head has been written. Undocumented, but there from Node 20 to 26. */
export function endsConnection(response: ServerResponse): boolean {
  return (response as { _last?: boolean })._last !== false;
}

/** The `writeHead` that would be called without ours: a framework's, or Node's. */
function inherited(response: Owned): WriteHead {
  const { prototype } = ServerResponse;
  if (response[BEFORE]) return response[BEFORE];
  if (Object.getPrototypeOf(response) === prototype) return prototype.writeHead as unknown as WriteHead;
  // Something may inherit from the response, or borrow its method.
  for (let object: object | null = response; object !== null; object = Object.getPrototypeOf(object)) {
    if (Object.hasOwn(object, OWNER)) return Object.getPrototypeOf(object).writeHead;
  }
  return ServerResponse.prototype.writeHead as unknown as WriteHead;
}

/**
 * Has Node itself write `Connection: close`, if the application does not write that header. To set it would not do: in Node 20, of
 * a list of headers only the last one of each name is sent once any header has been set. Node's `maxRequestsPerSocket = 1` would not do
 * either: an explicit `keep-alive` wins over it, and HTTP/1.0 is not counted.
 */
function sayClose(response: Owned): void {
  response.shouldKeepAlive = false;
  // Node's own mark, from 20 to 26, of an application that wants no such header; the client would not learn that it is the last answer.
  response._removedConnection = false;
  const { getHeader, setHeader, removeHeader } = ServerResponse.prototype;
  const connection = getHeader.call(response, 'connection');
  if (connection !== undefined)
    setHeader.call(response, 'Connection', closingValue('Connection', connection) as string);
  if (getHeader.call(response, 'keep-alive') !== undefined) removeHeader.call(response, 'keep-alive');
}

/** The same of what is given to `writeHead`: the headers in each of their forms; a reason phrase stays what it is. */
function closing(given: unknown): unknown {
  return typeof given === 'object' && given !== null ? closingHeaders(given as Headers) : given;
}

/** Headers as an object, a flat list or a list of pairs, made to say `close` where they say something about the connection. */
export function closingHeaders(headers: Headers): Headers {
  if (!Array.isArray(headers)) return closingObject(headers as Readonly<Record<string, unknown>>);
  return Array.isArray(headers[0]) ? closingPairs(headers) : closingList(headers);
}

function closingObject(headers: Readonly<Record<string, unknown>>): Headers {
  const names = Object.keys(headers);
  if (!names.some(isConnection)) return headers;
  const kept = names.filter((name) => !isKeepAlive(name));
  return Object.fromEntries(kept.map((name) => [name, closingValue(name, headers[name])]));
}

function closingList(headers: readonly unknown[]): Headers {
  if (!headers.some(isConnection)) return headers;
  const nameOf = (index: number): unknown => headers[index - (index % 2)];
  const values = headers.map((value, index) => (index % 2 === 0 ? value : closingValue(nameOf(index), value)));
  return values.filter((_, index) => !isKeepAlive(nameOf(index)));
}

function closingPairs(headers: readonly (readonly unknown[])[]): Headers {
  if (!headers.some(([name]) => isConnection(name))) return headers;
  const kept = headers.filter(([name]) => !isKeepAlive(name));
  return kept.map(([name, value]) => [name, closingValue(name, value)]);
}

/** Whether it is one of the two headers about the connection. Both are of one length, which few others have. */
function isConnection(name: unknown): boolean {
  return typeof name === 'string' && name.length === 10 && /^(?:connection|keep-alive)$/i.test(name);
}

function isKeepAlive(name: unknown): boolean {
  return isConnection(name) && /^k/i.test(name as string);
}

/** A value of `Connection` that says `close`. What else it names stays: who sends `Upgrade` must name it here, RFC 9110, 7.8. */
function closingValue(name: unknown, value: unknown): unknown {
  // What is undefined is refused by Node, in its own words.
  if (!isConnection(name) || value === undefined) return value;
  const options = String(value).split(/[ \t]*,[ \t]*/);
  return [...options.filter((option) => !/^(?:|close|keep-alive)$/i.test(option)), 'close'].join(', ');
}

import { ServerResponse } from 'node:http';
import { isStream } from './connection.js';

/** The owner of a response. */
const OWNER: unique symbol = Symbol('owner');

/** Decides what the head of each answer says about its connection, and learns when a head has been sent. */
export interface HeadOwner {
  /** Whether the connection ends with this answer. Asked only when its head is written. */
  closes(response: ServerResponse): boolean;
  headSent(): void;
}

/** The own `writeHead` that a response had before. */
const BEFORE: unique symbol = Symbol('before');

type Owned = ServerResponse & { [OWNER]?: HeadOwner; [BEFORE]?: WriteHead; _removedConnection?: boolean };
type WriteHead = (this: ServerResponse, status: number, ...rest: unknown[]) => ServerResponse;
type Headers = Readonly<Record<string, unknown>> | readonly unknown[];

/**
 * Notes the owner of an answer, and puts a `writeHead` on the response that asks the owner. Every head goes through it,
 * also an implicit one. To be called once, before the handler: middleware wraps this `writeHead` in its own, so it must
 * not be replaced later. It is an own property of the response, since Express changes the prototype of each response.
 */
export function ownHead(response: Owned, owner: HeadOwner): void {
  response[OWNER] = owner;
  // In HTTP/2 a request is a stream of its own, and the session ends the connection.
  if (isStream(response.req)) return;
  // It comes from a tracer that has patched the server's `emit`, or from a class of the application.
  if (Object.hasOwn(response, 'writeHead')) response[BEFORE] = response.writeHead as unknown as WriteHead;
  response.writeHead = ownedWriteHead as unknown as ServerResponse['writeHead'];
}

function ownedWriteHead(this: Owned, status: number, ...rest: unknown[]): ServerResponse {
  const owner = this[OWNER];
  // A head that is written too late is refused by Node, with its own error.
  if (!this.headersSent && owner?.closes(this)) {
    sayClose(this);
    for (let index = 0; index < rest.length; index++) rest[index] = closing(rest[index]);
  }
  const returned = inherited(this).call(this, status, ...rest);
  owner?.headSent();
  return returned;
}

/** The owner of this response, if it has one. */
export function ownerOf(response: Owned): HeadOwner | undefined {
  return response[OWNER];
}

/**
 * Whether Node closes the connection after this answer, whose head has been written. Undocumented, but there from Node
 * 20 to 26.
 */
export function endsConnection(response: ServerResponse): boolean {
  return (response as { _last?: boolean })._last !== false;
}

/** The `writeHead` that would be called without this library's: a framework's, or Node's. */
function inherited(response: Owned): WriteHead {
  const { prototype } = ServerResponse;
  if (response[BEFORE]) return response[BEFORE];
  if (Object.getPrototypeOf(response) === prototype) return prototype.writeHead as unknown as WriteHead;
  // The caller may be an object that inherits from the response, or that has borrowed its method.
  for (let object: object | null = response; object !== null; object = Object.getPrototypeOf(object)) {
    if (Object.hasOwn(object, OWNER)) return Object.getPrototypeOf(object).writeHead;
  }
  return ServerResponse.prototype.writeHead as unknown as WriteHead;
}

/**
 * Has Node itself write `Connection: close`, if the application does not write that header. Setting the header instead
 * would be wrong: once any header has been set, Node 20 sends only the last header of each name from a list that is
 * given to `writeHead`. Node's `maxRequestsPerSocket = 1` does not do either: an explicit `keep-alive` wins over it,
 * and HTTP/1.0 is not counted.
 */
function sayClose(response: Owned): void {
  response.shouldKeepAlive = false;
  // Node, from 20 to 26, sets this if the application wants no such header: the client would not learn that this answer
  // is the last one.
  response._removedConnection = false;
  const { getHeader, setHeader, removeHeader } = ServerResponse.prototype;
  const connection = getHeader.call(response, 'connection');
  if (connection !== undefined)
    setHeader.call(response, 'Connection', closingValue('Connection', connection) as string);
  if (getHeader.call(response, 'keep-alive') !== undefined) removeHeader.call(response, 'keep-alive');
}

/** Does the same to an argument of `writeHead`: headers in any of their forms. A reason phrase stays as it is. */
function closing(given: unknown): unknown {
  return typeof given === 'object' && given !== null ? closingHeaders(given as Headers) : given;
}

/**
 * Headers, as an object, a flat list or a list of pairs, made to say `close` where they say something about the
 * connection.
 */
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

/** Whether it names one of the two headers about the connection. Both have the same length, which few others have. */
function isConnection(name: unknown): boolean {
  return typeof name === 'string' && name.length === 10 && /^(?:connection|keep-alive)$/i.test(name);
}

function isKeepAlive(name: unknown): boolean {
  return isConnection(name) && /^k/i.test(name as string);
}

/**
 * A value of `Connection` that says `close`. Its other options stay: an answer with `Upgrade` must name that here, RFC
 * 9110, 7.8.
 */
function closingValue(name: unknown, value: unknown): unknown {
  // An undefined value is refused by Node, with its own error.
  if (!isConnection(name) || value === undefined) return value;
  const options = String(value).split(/[ \t]*,[ \t]*/);
  return [...options.filter((option) => !/^(?:|close|keep-alive)$/i.test(option)), 'close'].join(', ');
}

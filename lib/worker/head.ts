import { ServerResponse } from 'node:http';

/** Who watches over what this worker answers, and on which descriptor it does. */
const CLIENTS: unique symbol = Symbol('clients');
const DESCRIPTOR: unique symbol = Symbol('descriptor');
/** Whether no request of its connection waits for an answer behind it. */
const IS_LAST: unique symbol = Symbol('is last');
/** Learns that the head of an answer is on its way. */
export interface Clients {
  clientHasHead(fd: number): void;
}
type Watched = ServerResponse & { [CLIENTS]?: Clients; [DESCRIPTOR]?: number };
type Last = Watched & { [IS_LAST]?: (response: ServerResponse) => boolean };

type WriteHead = (this: ServerResponse, status: number, ...rest: unknown[]) => ServerResponse;
type Headers = Readonly<Record<string, unknown>> | readonly unknown[];

/**
 * Makes the response say `Connection: close` whatever the application sets. Node's `maxRequestsPerSocket = 1` does not:
 * an explicit `keep-alive` wins over it, and HTTP/1.0 is not counted. Every head goes through `writeHead`, also an implicit one. It is replaced on
 * the object, since Express changes the prototype of each response.
 */
export function forceClose(response: ServerResponse): void {
  // In HTTP/2 a request is a stream of its own, and the connection is ended by its session.
  if (response.req.httpVersionMajor !== 1) return;
  response.writeHead = closingWriteHead as unknown as ServerResponse['writeHead'];
}

/** As {@link forceClose}, unless further requests of the connection wait for answers by then: they would get none. */
export function closeIfLast(response: Last, isLast: (response: ServerResponse) => boolean): void {
  if (response.req.httpVersionMajor !== 1 || (response.writeHead as unknown) === closingWriteHead) return;
  response[IS_LAST] = isLast;
  response.writeHead = lastWriteHead as unknown as ServerResponse['writeHead'];
}

/** Tells when the head of this response is sent. Every head goes through `writeHead`. */
export function watchHead(response: Watched, clients: Clients, fd: number): void {
  response[CLIENTS] = clients;
  response[DESCRIPTOR] = fd;
  response.writeHead = watchedWriteHead as unknown as ServerResponse['writeHead'];
}

function watchedWriteHead(this: Watched, status: number, ...rest: unknown[]): ServerResponse {
  this[CLIENTS]?.clientHasHead(this[DESCRIPTOR] ?? -1);
  return (ServerResponse.prototype.writeHead as unknown as WriteHead).call(this, status, ...rest);
}

function closingWriteHead(this: ServerResponse, status: number, ...rest: unknown[]): ServerResponse {
  this.setHeader('Connection', 'close');
  if (this.hasHeader('Keep-Alive')) this.removeHeader('Keep-Alive');
  const last = rest.length - 1;
  const headers = rest[last];
  if (typeof headers === 'object' && headers !== null) rest[last] = withoutConnection(headers as Headers);
  return watchedWriteHead.call(this, status, ...rest);
}

function lastWriteHead(this: Last, status: number, ...rest: unknown[]): ServerResponse {
  return (this[IS_LAST]?.(this) ? closingWriteHead : watchedWriteHead).call(this, status, ...rest);
}

/** The headers of a `writeHead` call, an object, a flat list or a list of pairs, without those about the connection. */
export function withoutConnection(headers: Headers): Headers {
  if (!Array.isArray(headers)) {
    return Object.fromEntries(Object.entries(headers).filter(([name]) => !isConnection(name)));
  }
  // Node takes a list of pairs only while no header has been set, and one has been by now.
  const flat: unknown[] = Array.isArray(headers[0]) ? headers.flat(1) : [...headers];
  return flat.filter((_, index) => !isConnection(flat[index - (index % 2)]));
}

function isConnection(name: unknown): boolean {
  return /^(?:connection|keep-alive)$/i.test(String(name));
}

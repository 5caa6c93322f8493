import type { EventEmitter } from 'node:events';
import { readSync } from 'node:fs';
import type { Socket } from 'node:net';
import { descriptorOf } from './connection.js';

/** As much as libuv reads at once, bytes. */
const SIZE = 65_536;
/**
 * A look in vain costs an exception, 3 µs, about as much as one that is not is worth. So there is a look as long as most are worth it: each adds a point or takes one.
 * Without points one connection in so many is looked at, and more of them when its bytes were there.
 */
const MOST = 16;
const RARE = 16;
const AGAIN = 4;
/** Of this library's tests alone: whether each connection is looked at, or none. */
const MODE = process.env['PREFORK_FAST_TURN'];

/** How much of a connection has been read past its handle, which counts the rest. */
const AHEAD: unique symbol = Symbol('ahead');
/** Undocumented, but there from Node 20 to 26. */
interface Handle {
  readonly bytesRead?: number;
  [AHEAD]?: number;
}

/**
 * The fast turn: under load, the request of a connection is there when the connection is accepted. So it is read at once and handed to the
 * parser, and its handler runs in the callback that accepts, instead of a turn of the event loop and a call of `epoll_wait` later.
 */
export class FirstBytes {
  readonly #server: EventEmitter;
  /** So many listen to connections: Node, and this library. */
  readonly #listeners: number;
  readonly #buffer = Buffer.allocUnsafeSlow(SIZE);
  #points = MOST;
  #passed = 0;

  constructor(server: EventEmitter) {
    this.#server = server;
    this.#listeners = server.listenerCount('connection');
  }

  /** Reads what has come with a plain connection that an HTTP server has just been given. */
  take(socket: Socket): void {
    if (this.#points === 0 && ++this.#passed < RARE) return;
    this.#passed = 0;
    // An application that hears of connections may have more to do with one, ticks and promises later: to it, nothing is read before the loop has turned.
    if (this.#server.listenerCount('connection') !== this.#listeners) return;
    // Who else listens, or has paused it, wants to have it in another way. The descriptor of one that has been destroyed is closed already, and may be another file's by now.
    if (socket.destroyed || socket.readableFlowing !== true || socket.listenerCount('data') !== 1) return;
    const fd = descriptorOf(socket);
    if (fd < 0) return;
    const { _handle: handle } = socket as { _handle?: Handle | null };
    if (!handle || !countAhead(handle)) return;
    const { stackTraceLimit } = Error;
    let count: number;
    try {
      // Nobody asks where it was thrown, and to find that out is most of what it costs. Where somebody has frozen it, nothing is set, and nothing thrown.
      Reflect.set(Error, 'stackTraceLimit', 0);
      count = readSync(fd, this.#buffer);
    } catch (error) {
      if (this.#points > 0 && MODE !== 'force') this.#points--;
      // The system tells of it once, and has told now.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') socket.destroy(error as Error);
      return;
    } finally {
      Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
    }
    // Of an end the system tells again.
    if (count === 0) return;
    this.#points = Math.min(MOST, this.#points === 0 ? AGAIN : this.#points + 1);
    handle[AHEAD] = count;
    // A copy: of what follows an upgrade, the application gets the bytes themselves.
    socket.emit('data', Buffer.from(this.#buffer.subarray(0, count)));
  }
}

/**
 * Undefined where it is not to be done.
 *
 * @param heard - how many listened to connections of the server before this library did: Node, and perhaps the application.
 */
export function createFirstBytes(server: EventEmitter, heard: number): FirstBytes | undefined {
  return MODE === 'off' || heard > 1 ? undefined : new FirstBytes(server);
}

const counting = new WeakSet<object>();

/**
 * What has been read of a connection past its handle is not counted there, so all handles of its kind are taught to add it, once: what `bytesRead` of a socket says comes from there, also when it
 * has been closed. A property of each connection would make another kind of object of it, and cost a tenth of a short request. Returns false where this Node has other handles.
 */
function countAhead(handle: Handle): boolean {
  const kind = Object.getPrototypeOf(handle) as object;
  if (counting.has(kind)) return true;
  const get = accessorOf(kind);
  if (get === undefined || !Object.isExtensible(kind) || Object.hasOwn(kind, 'bytesRead')) return false;
  Object.defineProperty(kind, 'bytesRead', {
    configurable: true,
    get(this: Handle) {
      return (get.call(this) as number) + (this[AHEAD] ?? 0);
    },
  });
  counting.add(kind);
  return true;
}

function accessorOf(kind: object | null): (() => unknown) | undefined {
  for (let object = kind; object !== null; object = Object.getPrototypeOf(object)) {
    const property = Object.getOwnPropertyDescriptor(object, 'bytesRead');
    if (property) return property.get;
  }
  return undefined;
}

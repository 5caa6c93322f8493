import type { EventEmitter } from 'node:events';
import { readSync } from 'node:fs';
import type { Socket } from 'node:net';
import { descriptorOf } from './connection.js';

/** The size of the read buffer: as much as libuv reads at once. Bytes. */
const SIZE = 65_536;
/**
 * A look that finds nothing costs an exception, 3 µs, which is about what a successful look saves. So connections are
 * looked at as long as most looks succeed: each success adds a point, up to `MOST`, and each failure takes one. Without
 * points only one connection in `RARE` is looked at; if its bytes are there, that brings `AGAIN` points.
 */
const MOST = 16;
const RARE = 16;
const AGAIN = 4;
/** For this library's tests only: `force` looks at each connection, `off` at none. */
const MODE = process.env['PREFORK_FAST_TURN'];

/** How many bytes of a connection have been read directly from the descriptor; the handle counts only the rest. */
const AHEAD: unique symbol = Symbol('ahead');
/** Undocumented, but there from Node 20 to 26. */
interface Handle {
  readonly bytesRead?: number;
  [AHEAD]?: number;
}

/**
 * The fast turn: under load, the request of a connection has often arrived when the connection is accepted. So it is
 * read at once and handed to the parser, and its handler runs in the callback that accepts, instead of a turn of the
 * event loop and a call of `epoll_wait` later.
 */
export class FirstBytes {
  readonly #server: EventEmitter;
  /** The number of `'connection'` listeners of Node and this library. */
  readonly #listeners: number;
  readonly #buffer = Buffer.allocUnsafeSlow(SIZE);
  #points = MOST;
  #passed = 0;

  constructor(server: EventEmitter) {
    this.#server = server;
    this.#listeners = server.listenerCount('connection');
  }

  /** Reads what has arrived on a plain (not TLS) connection that an HTTP server has just been given. */
  take(socket: Socket): void {
    if (this.#points === 0 && ++this.#passed < RARE) return;
    this.#passed = 0;
    // An application that listens to 'connection' may act on one some ticks or promises later, so nothing is read
    // early.
    if (this.#server.listenerCount('connection') !== this.#listeners) return;
    // Another listener, or a pause, means that somebody wants the data in another way. The descriptor of a destroyed
    // socket is closed, and may belong to another file by now.
    if (socket.destroyed || socket.readableFlowing !== true || socket.listenerCount('data') !== 1) return;
    const fd = descriptorOf(socket);
    if (fd < 0) return;
    const { _handle: handle } = socket as { _handle?: Handle | null };
    if (!handle || !countAhead(handle)) return;
    const { stackTraceLimit } = Error;
    let count: number;
    try {
      // Nobody reads the stack of this exception, and capturing it is most of its cost. `Reflect.set` does not throw if
      // somebody has frozen `Error`.
      Reflect.set(Error, 'stackTraceLimit', 0);
      count = readSync(fd, this.#buffer);
    } catch (error) {
      if (this.#points > 0 && MODE !== 'force') this.#points--;
      // The system reports an error of the socket only once, and has done so now.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') socket.destroy(error as Error);
      return;
    } finally {
      Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
    }
    // The end of the stream is reported again, at the next read.
    if (count === 0) return;
    this.#points = Math.min(MOST, this.#points === 0 ? AGAIN : this.#points + 1);
    handle[AHEAD] = count;
    // A copy: after an upgrade, the application gets this very buffer with the bytes that follow.
    socket.emit('data', Buffer.from(this.#buffer.subarray(0, count)));
  }
}

/**
 * Undefined where nothing is to be read early.
 *
 * @param heard - how many `'connection'` listeners the server had before this library added its own: Node's, and
 * perhaps the application's.
 */
export function createFirstBytes(server: EventEmitter, heard: number): FirstBytes | undefined {
  return MODE === 'off' || heard > 1 ? undefined : new FirstBytes(server);
}

const counting = new WeakSet<object>();

/**
 * A handle does not count what was read directly from its descriptor, but a socket's `bytesRead` comes from the handle,
 * even after the close. So the prototype of the handles is changed, once, to add those bytes. A property on each
 * connection would make it another kind of object for V8, which cost a tenth of a short request. Returns false where
 * this Node has other handles.
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

/** The getter of `bytesRead` that an object inherits. */
function accessorOf(kind: object | null): (() => unknown) | undefined {
  for (let object = kind; object !== null; object = Object.getPrototypeOf(object)) {
    const property = Object.getOwnPropertyDescriptor(object, 'bytesRead');
    if (property) return property.get;
  }
  return undefined;
}

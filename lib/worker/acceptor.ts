import net from 'node:net';
import { FD } from '../protocol.js';
import { Duty } from './duty.js';
import { ListenError } from './failures.js';
import { createRelisten } from './listen.js';

export interface AcceptorOptions {
  /** How many listening sockets this process inherited: fd 0, then those of the further `bind`s. */
  readonly sockets: number;
  readonly backlog: number;
  /** How many places there are: while all are taken, nothing is accepted. */
  readonly capacity: number;
  /** What an `http.Server` would set on the connections that it accepts itself. */
  readonly socket: Pick<net.ServerOpts, 'noDelay' | 'keepAlive' | 'keepAliveInitialDelay' | 'highWaterMark'>;
  /** A connection has been accepted. It has a place until it closes or {@link Acceptor.leave} gives the place up. */
  readonly onConnection: (socket: net.Socket) => void;
  /** A connection has closed; its place is still taken. */
  readonly onClose?: (socket: net.Socket) => void;
  /** Index of this acceptor on the duty roster, and how it is told that others ask for it. */
  readonly slot: number;
  readonly onWake: (act: () => void) => void;
  /** Listening again failed: the worker cannot go on. */
  readonly onError: (error: Error) => void;
}

/** Marks a connection that has a place. */
const PLACED: unique symbol = Symbol('placed');
type Placed = net.Socket & { [PLACED]?: boolean };

/**
 * Accepts connections while there is room, and leaves them in the kernel's queue, for a sibling, while there is none.
 *
 * Node cannot pause a listening socket, but libuv never closes fds 0 to 2: to stop listening is to close the
 * server, and to go on is to listen on fd 0 again. A close within the connection callback ends the accept loop
 * of libuv, so capacity 1 means exactly one accept.
 *
 * The sockets of further `bind`s are other descriptors, which a close would close: they stay open, and what they
 * accept while there is no room waits here, unread.
 */
export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #main: net.Server;
  readonly #listen: () => void;
  readonly #further: net.Server[] = [];
  readonly #waiting: net.Socket[] = [];
  readonly #connections = new Set<net.Socket>();
  readonly #onClose: (this: net.Socket) => void;
  #duty: Duty | undefined;
  #taken = 0;
  #closed = false;
  #drained: (() => void) | undefined;

  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.#main = this.#createServer(false, (socket) => this.#accept(socket));
    this.#listen = createRelisten(this.#main, FD.SOCKET, options.backlog);
    const forget = (socket: net.Socket): void => this.#forget(socket);
    this.#onClose = function () {
      forget(this);
    };
  }

  /** All open connections, oldest first. */
  get connections(): ReadonlySet<net.Socket> {
    return this.#connections;
  }

  get hasRoom(): boolean {
    return this.#taken < this.#options.capacity;
  }

  /** Starts to accept. Rejects with a {@link ListenError}. */
  async open(): Promise<void> {
    const { sockets, backlog } = this.#options;
    for (let index = 1; index < sockets; index++) {
      const server = this.#createServer(true, (socket) => this.#offer(socket));
      this.#further.push(server);
      await listening(server, createRelisten(server, FD.EXTRA_SOCKETS + index - 1, backlog), index);
    }
    await listening(this.#main, this.#listen, 0);
    for (const server of [this.#main, ...this.#further]) server.on('error', this.#options.onError);
    this.#duty = new Duty(this.#options.slot, { listen: () => this.#resume(), rest: () => this.#pause() });
    this.#options.onWake(() => this.#duty?.called());
  }

  /** Stops to accept; resolves when the last connection has closed. */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#pause();
      this.#duty?.close();
      for (const server of this.#further) server.close();
    }
    return new Promise((resolve) => {
      if (this.#connections.size === 0) return resolve();
      const earlier = this.#drained;
      this.#drained = () => {
        earlier?.();
        resolve();
      };
    });
  }

  /** Gives a place to a connection that has given up its own. */
  enter(socket: Placed): void {
    socket[PLACED] = true;
    if (++this.#taken < this.#options.capacity) return;
    this.#pause();
    this.#duty?.leaves(this.#taken);
  }

  /** Whether the connection has a place. */
  places(socket: Placed): boolean {
    return socket[PLACED] === true;
  }

  /** Gives the place of one connection to another. */
  pass(from: Placed, to: Placed): void {
    from[PLACED] = false;
    to[PLACED] = true;
  }

  /** Takes back the place of a connection, which goes on without one. */
  leave(socket: Placed): void {
    if (socket[PLACED] !== true) return;
    socket[PLACED] = false;
    this.#taken--;
    const next = this.#waiting.shift();
    if (next) this.#offer(next);
    else this.#resume();
  }

  #createServer(pauseOnConnect: boolean, onConnection: (socket: net.Socket) => void): net.Server {
    // A client may end its side after the request and still wait for the answer, as with Node's http.Server.
    return net.createServer({ ...this.#options.socket, allowHalfOpen: true, pauseOnConnect }, onConnection);
  }

  #accept(socket: net.Socket): void {
    this.#connections.add(socket);
    this.enter(socket);
    if (this.hasRoom && this.#duty?.givesWay(this.#taken)) this.#pause();
    socket.on('close', this.#onClose);
    this.#options.onConnection(socket);
  }

  #offer(socket: net.Socket): void {
    if (this.hasRoom) {
      this.#accept(socket);
      socket.resume();
    } else {
      this.#waiting.push(socket);
    }
  }

  #forget(socket: net.Socket): void {
    this.#connections.delete(socket);
    this.#options.onClose?.(socket);
    this.leave(socket);
    if (this.#closed && this.#connections.size === 0) this.#drained?.();
  }

  #pause(): void {
    if (this.#main.listening) this.#main.close();
  }

  #resume(): void {
    if (this.#closed || !this.hasRoom || this.#main.listening) return;
    if (this.#duty?.comes(this.#taken) !== false) this.#listen();
  }
}

function listening(server: net.Server, listen: () => void, index: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(new ListenError(index, error));
    server.once('error', failed);
    server.once('listening', () => {
      server.off('error', failed);
      resolve();
    });
    listen();
  });
}

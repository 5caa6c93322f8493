import type { Socket } from 'node:net';
import type { Acceptor } from './acceptor.js';

/**
 * How long a new connection keeps its place without a request, milliseconds; with TLS the handshake is in it. A request
 * that comes later may find this worker busy while another is idle, so a client on a busy machine must be in time.
 */
const GRACE = 50;

interface Waiting {
  readonly socket: Socket;
  readonly start: () => boolean;
}

/**
 * Lets requests in one at a time, where connections need not have one: for classes whose capacity counts requests.
 *
 * A new connection keeps the place that it was accepted with for a moment, since its request is mostly right behind it.
 * One that sends none is *parked*: it gives the place up, the worker goes on accepting, and it asks for a place again
 * when the head of a request is complete. Idle keep-alive connections are parked likewise.
 */
export class Admission {
  readonly #acceptor: Acceptor;
  readonly #limit: number;
  readonly #timer: NodeJS.Timeout;
  /** Connections without a place, longest parked first. */
  readonly #parked = new Set<Socket>();
  /** Connections that have been told to close, and have not yet. */
  readonly #closing = new Set<Socket>();
  #waiting: Waiting[] = [];
  #newcomer: Socket | undefined;
  /** Newcomers in a row that were silent. */
  #silent = 0;

  /** @param limit - how many connections may be open at once. */
  constructor(acceptor: Acceptor, limit: number) {
    this.#acceptor = acceptor;
    this.#limit = limit;
    // A process that had no CPU for that long reads first: the request may be here.
    this.#timer = setTimeout(() => {
      const newcomer = this.#newcomer;
      setImmediate(() => this.#park(newcomer));
    }, GRACE).unref();
  }

  /** A connection has been accepted, with a place. */
  welcome(socket: Socket): void {
    // Of several that come at once, where there is room for them, only the last gets the time.
    this.#park(this.#newcomer);
    this.#newcomer = socket;
    // Silent ones come in crowds: of these, the first few get the whole time, then the 8th, 16th, 32nd …; the others a turn of the loop.
    if (this.#silent < 3 || (this.#silent >= 8 && Number.isInteger(Math.log2(this.#silent)))) this.#timer.refresh();
    else setImmediate(() => setImmediate(() => this.#park(socket)));
  }

  /**
   * The head of a request has come: `start` is called when it has a place, now or later. It returns whether the answer is still
   * to come: to stop and go on accepting for a request that is answered at once would cost more than a short one takes.
   */
  request(socket: Socket, start: () => boolean): void {
    this.#silent = 0;
    if (socket === this.#newcomer) {
      this.#newcomer = undefined;
      start();
    } else if (this.#acceptor.hasRoom) {
      this.#parked.delete(socket);
      this.#acceptor.enter(socket);
      if (start()) this.#acceptor.shut();
    } else {
      // It came later than the grace allows, or behind another one of its connection. Nobody else can take it now.
      this.#parked.delete(socket);
      this.#waiting.push({ socket, start });
    }
  }

  /** The answer to a request has been sent, and the connection waits for the next one. */
  keep(socket: Socket): void {
    // With another request of it waiting, it is not idle.
    if (!this.#waiting.some((waiting) => waiting.socket === socket)) this.#parked.add(socket);
    this.#makeRoom();
    this.#next(socket);
  }

  /** The connection has closed: nothing more of it is served. */
  end(socket: Socket): void {
    this.#parked.delete(socket);
    this.#closing.delete(socket);
    if (socket === this.#newcomer) this.#newcomer = undefined;
    if (this.#waiting.length > 0) this.#waiting = this.#waiting.filter((waiting) => waiting.socket !== socket);
    this.#next(socket);
  }

  #park(socket: Socket | undefined): void {
    if (socket === undefined || socket !== this.#newcomer) return;
    this.#newcomer = undefined;
    this.#silent++;
    this.#parked.add(socket);
    this.#makeRoom();
    this.#next(socket);
  }

  /** Passes the place of this connection on: to a request that waits here, or to the next client in the kernel's queue. */
  #next(socket: Socket): void {
    const next = this.#acceptor.places(socket) ? this.#waiting.shift() : undefined;
    if (next === undefined) {
      this.#acceptor.leave(socket);
      return;
    }
    this.#parked.delete(next.socket);
    this.#acceptor.pass(socket, next.socket);
    if (next.start()) this.#acceptor.shut();
  }

  /** Silent clients must not keep others out: the one that has been silent for the longest goes. */
  #makeRoom(): void {
    if (this.#acceptor.connections.size - this.#closing.size <= this.#limit) return;
    const [oldest] = this.#parked;
    if (oldest === undefined) return;
    this.#parked.delete(oldest);
    this.#closing.add(oldest);
    oldest.destroy();
  }
}

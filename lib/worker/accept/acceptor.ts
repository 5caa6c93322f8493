/*
 * Accepting: whose turn it is, and how a listening socket is shut, which Node cannot pause. Nothing in this folder
 * knows which protocol is spoken on a connection.
 */
import type net from 'node:net';
import { DUTY } from '../../scoreboard/scoreboard.js';
import { descriptors } from '../vitals/descriptors.js';
import type { AcceptorOptions } from './accept-options.js';
import { isExhaustion, makeResettable, numberOf, whenClosed } from './accepted.js';
import { Duty } from './duty.js';
import { Entrances } from './entrances.js';
import { lastCall } from './last-call.js';
import { Lull } from './lull.js';
import { FreeTime } from './room.js';
import { Waiting } from './waiting.js';

/** Marks a connection that has a place. */
const PLACED: unique symbol = Symbol('placed');
type Placed = net.Socket & { [PLACED]?: boolean };

/**
 * How many ticks and microtasks, in turn, `#settle` lets pass before it shuts the sockets. What a callback of the event
 * loop sets off without waiting for anything is over by then.
 */
const STEPS = 8;

/**
 * Accepts connections while there is room, and leaves them in the kernel's queue, for a sibling, while there is none.
 */
export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #entrances: Entrances;
  readonly #waiting = new Waiting();
  readonly #connections = new Set<net.Socket>();
  readonly #onClose: (this: net.Socket) => void;
  /** @internal */
  readonly freeTime: FreeTime;
  /** @internal */
  readonly lull: Lull = new Lull();
  #duty: Duty | undefined;
  #rest: NodeJS.Timeout | undefined;
  #taken = 0;
  /** @internal */
  accepted = 0;
  /** @internal */
  readonly index: number;
  #shut = false;
  /** Hardly any file descriptors are left. */
  #short = false;
  #leaving: Promise<void> | undefined;
  /** @internal */
  left = false;
  #drained: (() => void) | undefined;

  /** @internal */
  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.index = options.slot;
    this.freeTime = new FreeTime(options.capacity);
    this.#entrances = new Entrances(options, (connection) => this.#accept(connection));
    const forget = (socket: net.Socket): void => this.#forget(socket);
    this.#onClose = function () {
      forget(this);
    };
  }

  /** All open connections, oldest first. */
  get connections(): ReadonlySet<net.Socket> {
    return this.#connections;
  }

  /** @internal */
  get hasRoom(): boolean {
    return this.#taken < this.#options.capacity;
  }

  /** @internal Whether a connection that was accepted waits for the next place. */
  get waits(): boolean {
    return this.#waiting.size > 0;
  }

  /** @internal The address of the first of the `bind`s. */
  get address(): net.AddressInfo | string | null {
    return this.#entrances.address;
  }

  /** @internal */
  get isOpen(): boolean {
    return !this.#shut;
  }

  /** Starts to accept. Rejects when it cannot listen; let `run` reject with that error, reported as `ERR_BIND`. */
  async open(): Promise<void> {
    const { rest, onError, onWake, checkOpen } = this.#options;
    checkOpen();
    await this.#entrances.open(rest > 0, (error) => (isExhaustion(error) ? descriptors.ranOut() : onError(error)));
    onWake(() => this.#duty?.called());
    descriptors.add(this);
    this.#shut = rest > 0;
    if (rest > 0) this.#rest = setTimeout(() => this.#takeUp(), rest).unref();
    else this.#takeUp();
  }

  /**
   * Stops accepting; resolves when the last connection has closed. When the Arbiter stops, the connections that wait in
   * the accept queues are accepted first, as far as there is room: nobody else would accept them.
   */
  async close(): Promise<void> {
    await this.lastCall();
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      const earlier = this.#drained;
      this.#drained = () => {
        earlier?.();
        resolve();
      };
    });
  }

  /** @internal The first half of {@link Acceptor.close}: resolves when it accepts no more. */
  lastCall(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  /** @internal */
  shorten(): void {
    this.#entrances.shorten();
  }

  /** @internal Accepts no more, even if connections wait. */
  abandon(): void {
    if (this.left) return;
    this.left = true;
    descriptors.remove(this);
    this.#entrances.close();
    this.#offDuty(DUTY.NONE);
    this.#options.onLeft();
  }

  /**
   * @internal Gives a place to a connection: a new one, or one that had given up its own. {@link Acceptor.shut} must
   * follow, unless the place is given back before this turn of the event loop is over.
   */
  enter(socket: Placed): void {
    socket[PLACED] = true;
    this.#taken++;
    if (this.#shut) this.#duty?.enters(this.#taken);
  }

  /** @internal Stops accepting, if all places are taken. */
  shut(): void {
    if (this.hasRoom) return;
    this.freeTime.end();
    if (!this.#shut) {
      this.#pause();
      this.#duty?.leaves(this.#taken);
    }
    this.#options.onFull?.();
  }

  /**
   * @internal While there is no room, accepts a connection that waits in a queue, if there is one:
   * {@link Acceptor.waits} is true from then on, and `onFull` is called. The duty roster is not told, and the sockets
   * are open for a moment only: acceptors that have room come first.
   */
  look(): void {
    if (!this.#shut || this.left || this.hasRoom || this.#isShort()) return;
    this.#entrances.unshut();
    setImmediate(() => setImmediate(() => this.#shut && !this.left && this.#entrances.shut()));
  }

  /** @internal While file descriptors are short, nothing is accepted. */
  shutFor(shortage: boolean): void {
    this.#short = shortage;
    if (!shortage) this.#resume();
    else if (!this.#shut) {
      this.#pause();
      this.#duty?.leaves(this.#taken);
    }
  }

  /** @internal Whether the connection has a place. */
  places(socket: Placed): boolean {
    return socket[PLACED] === true;
  }

  /** @internal Gives the place of one connection to another. */
  pass(from: Placed, to: Placed): void {
    from[PLACED] = false;
    to[PLACED] = true;
  }

  /** @internal Takes back the place of a connection, which goes on without one. */
  leave(socket: Placed): void {
    if (socket[PLACED] !== true) return;
    socket[PLACED] = false;
    this.#taken--;
    this.freeTime.begin();
    // This is called for each request. Mostly nothing waits and nothing has to be opened.
    if (this.#waiting.size === 0 && !this.#shut) return;
    if (!this.#waiting.admitNext()) this.#resume();
  }

  /** Goes on duty. */
  #takeUp(): void {
    this.freeTime.begin();
    this.#duty = new Duty(this.#options, this.lull, { listen: () => this.#resume(), rest: () => this.#pause() });
    this.#resume();
  }

  #accept(socket: net.Socket): void {
    this.accepted++;
    this.#connections.add(socket);
    whenClosed(socket, this.#onClose);
    makeResettable(socket);
    const fd = numberOf(socket);
    if (this.hasRoom) this.#admit(socket);
    else {
      this.#waiting.add(socket, this.#onRoom);
      // If it was open, `shut` tells the roster; if it only looked, it counts as shut already.
      this.shut();
      this.#pause();
    }
    descriptors.opened(fd);
    if (!this.#shut) descriptors.look(performance.now());
  }

  readonly #onRoom = (socket: net.Socket): void => this.#admit(socket);

  #admit(socket: net.Socket): void {
    this.enter(socket);
    const { isOver, onConnection } = this.#options;
    // Nothing more is accepted before this callback is over, so the sockets need not be shut for a fast request.
    const isFast = isOver !== undefined && !this.#shut && !this.hasRoom;
    if (isFast) this.#duty?.begins(this.#taken);
    else this.shut();
    if (this.hasRoom && this.#duty?.givesWay(this.#taken)) this.#pause();
    onConnection(socket);
    if (isFast) process.nextTick(this.#settle, socket, isOver, STEPS);
  }

  /**
   * The end of a fast turn (see docs/DESIGN.md): shuts, unless the place of the connection is free again, or is about
   * to be, when the callback that accepted it is over.
   */
  readonly #settle = (socket: Placed, isOver: (socket: net.Socket) => boolean, steps: number): void => {
    if (this.#shut) return;
    if (this.hasRoom || (socket[PLACED] === true && isOver(socket)))
      this.#duty?.ends(this.hasRoom ? this.#taken : this.#taken - 1);
    else if (steps === 0) this.shut();
    else if (steps % 2 === 0) process.nextTick(this.#settle, socket, isOver, steps - 1);
    else queueMicrotask(() => this.#settle(socket, isOver, steps - 1));
  };

  #forget(socket: net.Socket): void {
    this.#connections.delete(socket);
    this.#options.onClose?.(socket);
    this.leave(socket);
    if (this.left && this.#connections.size === 0) this.#drained?.();
  }

  /** Asked before the sockets are opened: while they were shut, the application may have used up descriptors. */
  #isShort(): boolean {
    if (!this.#short) descriptors.look(performance.now());
    return this.#short;
  }

  #pause(): void {
    this.#shut = true;
    this.#entrances.shut();
  }

  #resume(): void {
    if (!this.#shut || this.left || !this.hasRoom || this.#isShort() || this.#duty?.comes(this.#taken) === false)
      return;
    this.#shut = false;
    this.#entrances.unshut();
  }

  async #leave(): Promise<void> {
    descriptors.letInLast();
    const end = this.#entrances.keepCalled(this.#options.lastCall);
    // While all acceptors leave, nobody would wake one that rests, so it goes off the roster and accepts.
    this.#offDuty(end > 0 ? DUTY.BUSY : DUTY.NONE);
    if (end > 0) {
      this.#resume();
      await lastCall(this, end, this.#options.mates);
    }
    this.abandon();
  }

  /** Leaves the duty roster: requests that are still served must not put it on again. */
  #offDuty(state: typeof DUTY.NONE | typeof DUTY.BUSY): void {
    clearTimeout(this.#rest);
    this.#duty?.close(state);
    this.#duty = undefined;
  }
}

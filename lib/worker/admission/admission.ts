/*
 * Decides which request has the place, where places are for requests. It moves connections and applicants about, and
 * knows no HTTP.
 */
import type { Socket } from 'node:net';
import type { Acceptor } from '../accept/acceptor.js';
import { afterTurn, Backlog, LOOP_TIME, type LoopTime } from '../vitals/loop-time.js';
import { Crowd } from './crowd.js';
import { Line } from './line.js';
import { Patience } from './patience.js';
import { Turns } from './turns.js';

/**
 * For how long the last turn of the event loop tells whether a client is still there, milliseconds. When another
 * request has run for that long, the loop turns again before the next one begins.
 */
const STALE = 1;

/** A request that wants a place, the right to run. A worker has as many places as its acceptor has capacity. */
export interface Applicant {
  /** The request has a place, as of this moment. Returns whether the answer is still to come. */
  readonly start: (now: number) => boolean;
  /** Whether the client has gone. It is asked if the request had to wait. */
  readonly isGone: () => boolean;
  /** The request is not served: its client has gone, or its connection has closed. */
  readonly drop: () => void;
}

/** What the admission asks its owner to do to a connection. */
export interface AdmissionEffects {
  /**
   * Ends a connection without a request, to make room for others. `stays` is called if a request has come meanwhile.
   */
  readonly dismiss: (socket: Socket, stays: () => void) => void;
  /** Ends a connection whose client has gone. */
  readonly forget: (socket: Socket) => void;
}

/**
 * Lets requests in, as many at a time as there are places. Connections need no place to stay open. For worker classes
 * whose capacity counts requests.
 *
 * A new connection, the *newcomer*, keeps the place that it was accepted with for a moment, since its request is mostly
 * right behind it. If none comes, the connection is *parked*: it gives the place up, the worker goes on accepting, and
 * the connection asks for a place again when its request is there. Idle keep-alive connections are parked too.
 *
 * Requests that find all places taken form a *line*, with one request of each connection. A pipelined request joins the
 * line when the answer before it has been sent. The line and the kernel's accept queue take turns, see {@link Turns}:
 * once 5 ms are over, the next free place goes to the first client in that queue.
 */
export class Admission {
  readonly #acceptor: Acceptor;
  readonly #limit: number;
  readonly #effects: AdmissionEffects;
  readonly #time: LoopTime;
  /** Connections without a place, the longest parked first. */
  readonly #parked = new Set<Socket>();
  /** Connections that have been told to close, and have not closed yet. */
  readonly #closing = new Set<Socket>();
  readonly #line = new Line<Socket, Applicant>();
  /** Requests that have a place, and begin when the event loop has turned. */
  readonly #beginning = new Map<Socket, Applicant>();
  #newcomer: Socket | undefined;
  readonly #patience = new Patience(() => {
    const newcomer = this.#newcomer;
    // If the process had no CPU for that long, the request may be here, unread: the loop turns first.
    setImmediate(() => this.#park(newcomer));
  });
  /** The kernel's queue has its turn. */
  #open = false;
  readonly #turns: Turns;
  /** When the event loop turned last, as far as is known; and when a place was taken last. */
  #turnedAt = 0;
  #takenAt = 0;
  readonly #backlog: Backlog;
  /**
   * Whether the newcomer may have waited in the kernel's queue; and whether it waited there behind requests in the
   * line.
   */
  #hasQueued = false;
  #isContested = false;
  /** The clients that were found in the kernel's queue while others stood in line. */
  readonly crowd: Crowd = new Crowd();
  /** Whether the kernel's queue has brought a newcomer in its turn. */
  #isBrought = false;

  /**
   * @param limit - how many connections may be open at once.
   * @param time - the clock, and how long the event loop has been idle, milliseconds.
   */
  constructor(acceptor: Acceptor, limit: number, effects: AdmissionEffects, time: LoopTime = LOOP_TIME) {
    this.#acceptor = acceptor;
    this.#limit = limit;
    this.#effects = effects;
    this.#time = time;
    this.#turns = new Turns(time);
    this.#backlog = new Backlog(time, STALE);
  }

  /** A connection has been accepted, with a place. */
  welcome(socket: Socket, now: number = this.#time.now()): void {
    // Of several newcomers at once, only the last is waited for.
    this.#park(this.#newcomer);
    this.#newcomer = socket;
    this.#turns.had(now);
    this.#turns.held();
    this.#takenAt = now;
    this.#hasQueued = this.#backlog.isLikely(now);
    const contested = this.#line.size > 0;
    this.#isBrought = true;
    this.#isContested = contested && this.#open;
    // A newcomer that keeps others waiting, or that there is no credit for, gets one turn of the event loop only.
    if (contested) this.#patience.skip();
    if (contested || this.#patience.begin(now) === 0) afterTurn(() => this.#park(socket));
  }

  /**
   * A request is there. It begins when it has a place, now or later. Accepting goes on if the request is answered at
   * once: pausing and resuming would cost more than a short request takes.
   *
   * @param behind - whether an earlier request of its connection has not been answered.
   */
  request(socket: Socket, request: Applicant, behind: boolean): void {
    if (behind) {
      this.#line.hold(socket, request);
      return;
    }
    const now = this.#time.now();
    if (socket === this.#newcomer) {
      this.#newcomer = undefined;
      this.#patience.end(now);
      if (this.#isContested) this.crowd.add();
      if (this.#hasQueued) this.#beginLater(socket, request);
      else this.#start(request, now);
      return;
    }
    this.#parked.delete(socket);
    const free = this.#acceptor.hasRoom && this.#line.size === 0;
    if (free && this.#turns.isOurs(now)) {
      this.#acceptor.enter(socket);
      if (this.#start(request, now)) this.#acceptor.shut();
      return;
    }
    // The connection has no place, and none is to be had at this moment. No other worker can take the request any more.
    this.#line.hold(socket, request);
    this.#line.stand(socket);
    if (free) this.#letIn();
  }

  /** The handler is done while its answer is still being sent: its place goes to another request. */
  free(socket: Socket, now: number = this.#time.now()): void {
    this.#next(socket, now);
  }

  /** The answer to a request has been sent, and the connection waits for the next one. */
  keep(socket: Socket, now: number = this.#time.now()): void {
    if (!this.#line.stand(socket)) this.#parked.add(socket);
    this.#makeRoom();
    this.#next(socket, now);
    // The place of the connection may have been given up before, so another one may be free.
    if (this.#line.size === 0 || !this.#acceptor.hasRoom) return;
    if (this.#turns.isOurs(now)) this.#fill();
    else this.#letIn();
  }

  /** The connection has closed: nothing more of it is served. */
  end(socket: Socket): void {
    this.#closing.delete(socket);
    this.#giveUp(socket);
  }

  /**
   * The server side of the connection has ended, while its client may still send. As {@link Admission.end}; until it
   * closes, the connection counts as leaving.
   */
  release(socket: Socket): void {
    if (this.#acceptor.connections.has(socket)) this.#closing.add(socket);
    this.#giveUp(socket);
  }

  #giveUp(socket: Socket): void {
    this.#parked.delete(socket);
    if (socket === this.#newcomer) this.#newcomer = undefined;
    for (const request of this.#line.leave(socket)) request.drop();
    const beginning = this.#beginning.get(socket);
    if (beginning !== undefined) {
      this.#beginning.delete(socket);
      beginning.drop();
    }
    this.#next(socket);
  }

  #start(request: Applicant, now: number): boolean {
    this.#takenAt = now;
    const lasts = request.start(now);
    if (lasts) this.#turns.held();
    return lasts;
  }

  /** Lets a request begin when the event loop has turned, and it is known whether its client is still there. */
  #beginLater(socket: Socket, request: Applicant): void {
    this.#beginning.set(socket, request);
    this.#turns.held();
    // The place is taken: a client accepted meanwhile would wait for it here, while a sibling may be idle.
    this.#acceptor.shut();
    afterTurn(() => {
      this.#turnedAt = this.#time.now();
      if (this.#beginning.get(socket) !== request) return;
      this.#beginning.delete(socket);
      this.#begin(socket, request);
    });
  }

  #begin(socket: Socket, request: Applicant): void {
    if (!request.isGone()) {
      if (this.#start(request, this.#time.now())) this.#acceptor.shut();
      return;
    }
    request.drop();
    // A connection that is leaving does not count against the limit.
    this.release(socket);
    this.#effects.forget(socket);
  }

  #park(socket: Socket | undefined): void {
    if (socket === undefined || socket !== this.#newcomer) return;
    this.#newcomer = undefined;
    this.#parked.add(socket);
    this.#makeRoom();
    this.#next(socket);
  }

  /** Passes the place of this connection on: to a request in the line, or to the next client in the kernel's queue. */
  #next(socket: Socket, now: number = this.#time.now()): void {
    if (!this.#acceptor.places(socket)) return;
    if (this.#line.size > 0 && !this.#turns.isDue(now)) {
      const [next, request] = this.#line.next();
      this.#acceptor.pass(socket, next);
      this.#serve(next, request, now);
      return;
    }
    if (this.#line.size === 0) this.crowd.clear();
    this.#backlog.begin(now, now - this.#takenAt);
    this.#turns.left();
    this.#acceptor.leave(socket);
    if (this.#line.size > 0) this.#letIn();
  }

  /** A request of the line has got a place. */
  #serve(socket: Socket, request: Applicant, now: number): void {
    if (now - this.#turnedAt >= STALE) this.#beginLater(socket, request);
    else this.#begin(socket, request);
  }

  /**
   * Leaves a free place to the kernel's queue for one turn of the event loop: a client comes in, or nobody is there.
   */
  #letIn(): void {
    if (this.#open) return;
    this.#open = true;
    this.#isBrought = false;
    afterTurn(() => {
      this.#open = false;
      this.#turnedAt = this.#time.now();
      if (!this.#isBrought) {
        // Nobody was in the queue, so its turn was now. If a newcomer came, its arrival was the turn, and `welcome` has
        // noted that time: it may be long ago, since a turn of the event loop can be long.
        this.crowd.clear();
        this.#turns.had(this.#turnedAt);
      }
      this.#fill();
    });
  }

  /** Gives the free places to the line. */
  #fill(): void {
    while (this.#line.size > 0 && this.#acceptor.hasRoom) {
      const [socket, request] = this.#line.next();
      this.#acceptor.enter(socket);
      this.#serve(socket, request, this.#time.now());
    }
  }

  /** Silent clients must not keep others out: the connection that has been parked for the longest has to go. */
  #makeRoom(): void {
    if (this.#acceptor.connections.size - this.#closing.size <= this.#limit) return;
    const [oldest] = this.#parked;
    if (oldest === undefined) return;
    this.#parked.delete(oldest);
    this.#closing.add(oldest);
    this.#effects.dismiss(oldest, () => this.#closing.delete(oldest));
  }
}

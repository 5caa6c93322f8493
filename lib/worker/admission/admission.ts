/* Which request has the place, where places are for requests. It moves connections and applicants about, and knows no HTTP. */
import type { Socket } from 'node:net';
import type { Acceptor } from '../accept/acceptor.js';
import { afterTurn, Backlog, LOOP_TIME, type LoopTime } from '../vitals/loop-time.js';
import { Crowd } from './crowd.js';
import { Line } from './line.js';
import { Patience } from './patience.js';
import { Turns } from './turns.js';

/**
 * Whether a client is still there is known as of the last turn of the event loop. After so many milliseconds of somebody
 * else's request it is time for another one.
 */
const STALE = 1;

/** A request that wants a place. */
export interface Applicant {
  /** It has one, at this moment of the clock. Returns whether the answer is still to come. */
  readonly start: (now: number) => boolean;
  /** Whether its client has gone. It is asked if the request had to wait. */
  readonly isGone: () => boolean;
  /** It is not served: its client has gone, or its connection has closed. */
  readonly drop: () => void;
}

/** What the admission does to a connection. */
export interface AdmissionEffects {
  /** Ends one that has no request and must go to make room for others; `stays` is told if one has come meanwhile. */
  readonly dismiss: (socket: Socket, stays: () => void) => void;
  /** Ends one whose client has gone. */
  readonly forget: (socket: Socket) => void;
}

/**
 * Lets requests in one at a time, where connections need not have one: for classes whose capacity counts requests.
 *
 * A new connection keeps the place that it was accepted with for a moment, since its request is mostly right behind it.
 * One that sends none is *parked*: it gives the place up, the worker goes on accepting, and it asks for a place again
 * when its request is there. Idle keep-alive connections are parked likewise.
 *
 * Requests that find all places taken form a *line*, one of each connection; what a client has pipelined behind it stands in line when the
 * answer before has been sent. Line and kernel's queue take turns, see {@link Turns}: whoever is first in that queue gets the first place that
 * becomes free when 5 ms are over.
 */
export class Admission {
  readonly #acceptor: Acceptor;
  readonly #limit: number;
  readonly #effects: AdmissionEffects;
  readonly #time: LoopTime;
  /** Connections without a place, longest parked first. */
  readonly #parked = new Set<Socket>();
  /** Connections that have been told to close, and have not yet. */
  readonly #closing = new Set<Socket>();
  readonly #line = new Line<Socket, Applicant>();
  /** Requests that have a place, and begin when the event loop has turned. */
  readonly #beginning = new Map<Socket, Applicant>();
  #newcomer: Socket | undefined;
  readonly #patience = new Patience(() => {
    const newcomer = this.#newcomer;
    // A process that had no CPU for that long reads first: the request may be here.
    setImmediate(() => this.#park(newcomer));
  });
  /** The kernel's queue has its turn. */
  #open = false;
  readonly #turns: Turns;
  /** When the event loop turned last, as far as it is known; and when a place was taken last. */
  #turnedAt = 0;
  #takenAt = 0;
  readonly #backlog: Backlog;
  /** The newcomer may have waited in the kernel's queue; and it did so behind those that wait here. */
  #hasQueued = false;
  #isContested = false;
  /** Those that were found in the kernel's queue while others waited here. */
  readonly crowd: Crowd = new Crowd();
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
    // Of several that come at once only the last gets the time.
    this.#park(this.#newcomer);
    this.#newcomer = socket;
    this.#turns.had(now);
    this.#turns.held();
    this.#takenAt = now;
    this.#hasQueued = this.#backlog.isLikely(now);
    const contested = this.#line.size > 0;
    this.#isBrought = true;
    this.#isContested = contested && this.#open;
    // Who lets others wait, and one of a crowd, gets a turn.
    if (contested) this.#patience.skip();
    if (contested || this.#patience.begin(now) === 0) afterTurn(() => this.#park(socket));
  }

  /**
   * A request is there, and begins when it has a place, now or later. To stop and go on accepting for a request that is answered
   * at once would cost more than a short one takes.
   *
   * @param behind - whether another one of its connection has not been answered.
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
    // It came later than the grace allows, or behind another one of its connection. Nobody else can take it now.
    this.#line.hold(socket, request);
    this.#line.stand(socket);
    if (free) this.#letIn();
  }

  /** The handler is done, while its answer is still being sent: the place is another's. */
  free(socket: Socket, now: number = this.#time.now()): void {
    this.#next(socket, now);
  }

  /** The answer to a request has been sent, and the connection waits for the next one. */
  keep(socket: Socket, now: number = this.#time.now()): void {
    if (!this.#line.stand(socket)) this.#parked.add(socket);
    this.#makeRoom();
    this.#next(socket, now);
    // Its place may have been given up before.
    if (this.#line.size === 0 || !this.#acceptor.hasRoom) return;
    if (this.#turns.isOurs(now)) this.#fill();
    else this.#letIn();
  }

  /** The connection has closed: nothing more of it is served. */
  end(socket: Socket): void {
    this.#closing.delete(socket);
    this.#giveUp(socket);
  }

  /** The own side of the connection has ended, while its client may still send: as {@link Admission.end}, and it is on its way out. */
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

  /** Begins when the event loop has turned, and it is known whether the client is still there. */
  #beginLater(socket: Socket, request: Applicant): void {
    this.#beginning.set(socket, request);
    this.#turns.held();
    // The place is taken: who was accepted meanwhile would wait for it here, while a sibling may be idle.
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
    // On its way out, it is none of those that nobody may be kept beside.
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

  /** Passes the place of this connection on: to a request that waits here, or to the next client in the kernel's queue. */
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

  /** One of the line has a place. */
  #serve(socket: Socket, request: Applicant, now: number): void {
    if (now - this.#turnedAt >= STALE) this.#beginLater(socket, request);
    else this.#begin(socket, request);
  }

  /** A place is free: leaves it to the kernel's queue for a turn of the event loop, in which somebody comes or nobody is there. */
  #letIn(): void {
    if (this.#open) return;
    this.#open = true;
    this.#isBrought = false;
    afterTurn(() => {
      this.#open = false;
      this.#turnedAt = this.#time.now();
      if (!this.#isBrought) {
        // Nobody was there. Who came had its turn when it came, which may be long ago: a turn of the event loop can be.
        this.crowd.clear();
        this.#turns.had(this.#turnedAt);
      }
      this.#fill();
    });
  }

  /** Gives the places that are free to the line. */
  #fill(): void {
    while (this.#line.size > 0 && this.#acceptor.hasRoom) {
      const [socket, request] = this.#line.next();
      this.#acceptor.enter(socket);
      this.#serve(socket, request, this.#time.now());
    }
  }

  /** Silent clients must not keep others out: the one that has been silent for the longest goes. */
  #makeRoom(): void {
    if (this.#acceptor.connections.size - this.#closing.size <= this.#limit) return;
    const [oldest] = this.#parked;
    if (oldest === undefined) return;
    this.#parked.delete(oldest);
    this.#closing.add(oldest);
    this.#effects.dismiss(oldest, () => this.#closing.delete(oldest));
  }
}

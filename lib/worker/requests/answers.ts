/* A request from the arrival of its head until its answer is sent or given up. admission/ decides when it may begin. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Acceptor } from '../accept/acceptor.js';
import type { Lull } from '../accept/lull.js';
import { access } from '../access/own.js';
import { Admission } from '../admission/admission.js';
import type { Crowd } from '../admission/crowd.js';
import { accountOf, countPending, isStream, marksOf, pendingOf, streamOf } from '../connections/connection.js';
import type { IdleConnections } from '../connections/idle.js';
import { endsConnection } from '../connections/response-head.js';
import { departure } from '../drain-signal.js';
import { isThenable } from '../handlers/call-handler.js';
import { descriptors } from '../vitals/descriptors.js';
import type { WorkerContext } from '../worker.js';
import { type Arrival, arrivalOf, type Reception, whenEnded } from './arrival.js';
import { Chain } from './chain.js';
import { endKept } from './endless-answers.js';
import { Intake } from './intake.js';
import { refuse, refuseSlow, report, waitedFor } from './refusal.js';
import { SlowClients } from './slow-clients.js';
import { SlowRequests } from './slow-requests.js';
import { Stall } from './stall.js';
import { cameAt, waitOf } from './wait.js';

export interface AnswersOptions {
  readonly context: WorkerContext;
  /** What the worker class does before the handler is called, and when a request is no longer being served. */
  readonly prepare: (response: ServerResponse) => void;
  readonly finish: (response: ServerResponse, began: number, ended: number) => void;
  /** Called for a connection that must not be closed while its client still sends. */
  readonly guard: (socket: Socket) => void;
}

/**
 * The requests of one worker, from their heads to the ends of their answers. With an admission, a request gets its
 * place (the right to run, see {@link Admission}) once its body is here. It gives the place back once its handler has
 * ended the answer. So a client that sends its body or takes its answer slowly holds no place.
 */
export class Answers {
  readonly #options: AnswersOptions;
  /** Requests whose handlers may still have work to do, in the order in which they began. */
  readonly #active = new Chain<Arrival>();
  /** Requests whose handlers have ended the answer, and whose answers are sent without a place. */
  readonly #sending = new Chain<Arrival>();
  readonly #reception: Reception;
  /** Listeners of every response. They use `this`, so no closure is made for each response. */
  readonly #onPrefinish: (this: ServerResponse) => void;
  readonly #onClose: (this: ServerResponse) => void;
  /** One request has a place at a time: it has a clock of its own, its `timeout`. */
  #isSingle = false;
  #stall: Stall<Arrival> | undefined;
  #admission: Admission | undefined;
  #intake: Intake | undefined;
  #lull: Lull | undefined;
  #slow: SlowClients | undefined;

  constructor(options: AnswersOptions) {
    this.#options = options;
    access?.watch(accountOf);
    const requests = { active: (): Arrival[] => this.#active.all(), isSingle: (): boolean => this.#isSingle };
    const { begin, land } = SlowRequests.watch(options.context, requests, (arrival) => this.#begin(arrival));
    this.#reception = { begin, land, drop: (arrival) => this.#drop(arrival) };
    const ended = (arrival: Arrival): void => this.#ended(arrival);
    const close = (arrival: Arrival): void => this.#close(arrival);
    this.#onPrefinish = function () {
      ended(arrivalOf(this));
    };
    this.#onClose = function () {
      close(arrivalOf(this));
    };
  }

  /**
   * From now on, each request begins as soon as it comes. Being told of a blocked event loop costs 20 wake-ups a second.
   */
  admitAll(): void {
    const { pulse } = this.#options.context;
    this.#stall = new Stall(pulse, ({ request, socket }) => isStream(request) || socket.destroy());
  }

  /** From now on, a request needs a place to begin; there are `places` of them. */
  admitWith(acceptor: Acceptor, idle: IdleConnections, places: number): void {
    this.#isSingle = places === 1;
    const { spec, pulse } = this.#options.context;
    const { workerConnections, requestBuffer } = spec.serving;
    const intake = new Intake(requestBuffer);
    this.#intake = intake;
    this.#lull = acceptor.lull;
    this.#lull.isTold = true;
    this.#admission = new Admission(acceptor, workerConnections, {
      dismiss: (socket, stays) => {
        if (!intake.giveUp(socket)) idle.evict(socket, stays);
      },
      forget: (socket) => socket.destroy(),
    });
    this.#slow = new SlowClients(spec.clocks.timeout, {
      placed: () => this.#active.all().map(({ response, socket }) => [response, socket] as const),
      // The clock of the request, its `timeout`, stands still while its client is waited for.
      onWait: (duration) => pulse.vitals.extend(duration, pulse.vitals.read().patientUntil),
      onRoom: (response) => this.#handled(arrivalOf(response)),
      onSlow: (response, waited) => this.#refuseSlow(response, waitedFor(response, waited)),
    });
  }

  /** The requests whose handlers have not ended their answers, oldest first. */
  active(): readonly Arrival[] {
    return this.#active.all();
  }

  /** The requests of a connection that are under way. Those that wait to begin are not included. */
  of(socket: Socket): Arrival[] {
    return [...this.#sending.all(), ...this.#active.all()].filter((arrival) => arrival.socket === socket);
  }

  /** The connections of ended answers that are still on their way to the client. */
  sending(): Socket[] {
    return this.#sending.all().map(({ socket }) => socket);
  }

  /** Whether no other request of the connection waits for an answer behind this one. */
  readonly isLast = (response: ServerResponse): boolean => {
    const { socket } = arrivalOf(response);
    if (pendingOf(socket) === 1) return true;
    const answers = this.of(socket);
    return answers.at(-1)?.response === response && answers.length === pendingOf(socket);
  };

  /** The clients that had to wait because of kept connections; undefined where requests need no places. */
  get crowd(): Crowd | undefined {
    return this.#admission?.crowd;
  }

  /** A connection has been accepted, with a place. */
  welcome(socket: Socket, now: number): void {
    this.#admission?.welcome(socket, now);
  }

  /** The head of a request has come. `whole`: the worker waits for the body, where that needs no place. */
  serve(arrival: Arrival, whole: boolean): void {
    arrival.reception = this.#reception;
    access?.begin(arrival, marksOf(arrival.socket));
    if (whole && this.#intake?.wants(arrival.request)) this.#receive(this.#intake, arrival);
    else this.#apply(arrival);
    if (arrival.stage !== 'waiting') return;
    arrival.putOff();
    arrival.came = cameAt(arrival.socket);
    if (arrival.entry) arrival.entry.came = performance.now();
  }

  /** Called when a connection has closed. Of several pipelined requests, Node reports this only to the first. */
  closed(socket: Socket): void {
    if (pendingOf(socket) > 0) for (const arrival of this.of(socket)) this.#close(arrival);
    this.#giveUp(socket);
    this.#admission?.end(socket);
  }

  /** A request whose body was waited for is not served any more. */
  #giveUp(socket: Socket): void {
    const request = this.#intake?.drop(socket);
    if (request) this.#drop({ request });
  }

  #receive(intake: Intake, arrival: Arrival): void {
    const { request, response, socket } = arrival;
    intake.receive(request, socket, {
      ready: () => this.#apply(arrival),
      giveUp: () =>
        this.#refuseSlow(response, 'has been sending its body for the longest of all, and there is no more room'),
    });
  }

  /**
   * Nothing more of a connection is served. Returns whether the admission takes back its place, and not the acceptor.
   */
  release(socket: Socket): boolean {
    this.#giveUp(socket);
    this.#admission?.release(socket);
    return this.#admission !== undefined;
  }

  /** The request is complete, and asks for a place if it needs one. */
  #apply(arrival: Arrival): void {
    if (this.#admission) this.#admission.request(arrival.socket, arrival, pendingOf(arrival.socket) > 1);
    else this.#stall?.pass(arrival);
  }

  /** Calls the handler. Returns whether the answer is still to come. */
  #begin(arrival: Arrival): boolean {
    const { request, response, answer, socket } = arrival;
    const { slot, pulse } = this.#options.context;
    this.#intake?.release(request);
    arrival.stage = 'active';
    this.#active.add(arrival);
    if (!this.#admission && arrival.began === 0) arrival.began = performance.now();
    slot.begin(request.method ?? '', request.url ?? '', arrival.id, waitOf(arrival));
    // After `slot.begin`: a watcher takes the request that the slot names for the one that has begun.
    if (this.#isSingle) pulse.vitals.begin(arrival.began);
    whenEnded(response, this.#onClose);
    this.#options.prepare(response);
    // Does the same as `attempt`, without making two functions for each request.
    try {
      const result = answer(request, response);
      if (isThenable(result)) result.then(undefined, (error) => this.#failed(arrival, error));
    } catch (error) {
      this.#failed(arrival, error);
    }
    if (!response.writableEnded) {
      descriptors.look(performance.now());
      this.#options.guard(socket);
      this.#lull?.begin();
      if (this.#admission) response.on('prefinish', this.#onPrefinish);
      return true;
    }
    // Most answers have ended by now; one more listener would cost each of them.
    const now = performance.now();
    descriptors.look(now);
    if (response.writableFinished) arrival.ended = now;
    else if (this.#admission) this.#ended(arrival);
    // Data that is unread, or may have arrived meanwhile, would turn the close into a reset.
    if (endsConnection(response) && arrival.mayGoOn(now)) this.#options.guard(socket);
    return false;
  }

  #failed(arrival: Arrival, error: unknown): void {
    arrival.failed = true;
    report(error, arrival.request);
    refuse(arrival.response);
  }

  #drop({ request }: Pick<Arrival, 'request'>): void {
    this.#intake?.release(request);
    this.#options.context.slot.abandon();
    access?.entryOf(request)?.close();
  }

  /**
   * The handler has ended its answer. What the client has not taken within a turn of the event loop is sent while the
   * next request is served.
   */
  #ended(arrival: Arrival): void {
    const { response, socket } = arrival;
    if (!response.socket?.writableLength) return;
    setImmediate(() => {
      if (arrival.stage === 'active' && !response.writableFinished && this.#slow?.send(response, socket)) {
        this.#handled(arrival);
      }
    });
  }

  /** The handler is done, and its place goes to another request. */
  #handled(arrival: Arrival): void {
    if (arrival.stage !== 'active') return;
    const now = performance.now();
    arrival.stage = 'sending';
    this.#active.remove(arrival);
    this.#sending.add(arrival);
    this.#leave(arrival, now);
    this.#admission?.free(arrival.socket, now);
  }

  /** The answer has come to its end, complete or not. */
  #close(arrival: Arrival): void {
    const { response, socket, stage } = arrival;
    if (stage === 'closed') return;
    // If the last byte was taken within the very call that ended the answer, that moment is known.
    const now = arrival.ended || performance.now();
    arrival.stage = 'closed';
    if (stage === 'active') {
      this.#active.remove(arrival);
      this.#leave(arrival, now);
    } else {
      this.#sending.remove(arrival);
      this.#slow?.end(response);
    }
    arrival.close(now);
    countPending(socket, -1, now);
    if (departure.hasBegun) endKept(response, socket);
    // Node has ended the server side of a connection that is not kept. Its place becomes free when it closes, or
    // lingers.
    if (streamOf(socket).writable) this.#admission?.keep(socket, now);
  }

  /** The request no longer counts as one that is served. */
  #leave({ response, failed, began }: Arrival, now: number): void {
    const { slot, pulse } = this.#options.context;
    // Before the slot forgets its name, see `#begin()`.
    if (this.#isSingle) pulse.vitals.end();
    this.#lull?.end();
    slot.end(failed, now - began);
    descriptors.look(now);
    this.#options.finish(response, this.#admission ? began : 0, now);
  }

  #refuseSlow(response: ServerResponse, why: string): void {
    // A slow client is not a silent one: if it goes on sending, a reset must not take the answer away from it.
    this.#options.guard(response.req.socket);
    refuseSlow(response, why, this.#options.context.warn);
  }
}

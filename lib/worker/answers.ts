import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { quoted } from '../log/text.js';
import type { Acceptor } from './acceptor.js';
import { Admission } from './admission.js';
import type { Arrival, Reception } from './arrival.js';
import { attempt } from './attempt.js';
import type { WorkerContext } from './base.js';
import { countPending, idleSince, isStream, pendingOf, streamOf } from './connection.js';
import { departure } from './departure.js';
import { ownerOf } from './head.js';
import type { IdleConnections } from './idle.js';
import { hasBody, Intake } from './intake.js';
import { endKept } from './late.js';
import { SHORT } from './lingering.js';
import { refuse, report } from './refusal.js';
import { SlowClients } from './slow-clients.js';
import { Stall } from './stall.js';

export interface AnswersOptions {
  readonly context: WorkerContext;
  /** What the class does before the handler is called, and when an answer no longer takes its time. */
  readonly prepare: (response: ServerResponse) => void;
  readonly finish: (response: ServerResponse) => void;
  /** A connection must not be closed while its client still sends. */
  readonly guard: (socket: Socket) => void;
}

/**
 * The requests of one worker, from their heads to the ends of their answers. With an admission, a request gets its place when its body is
 * here, and gives it back when its handler has ended the answer: neither the sending nor the taking client has one.
 */
export class Answers {
  readonly #options: AnswersOptions;
  /** Whose handlers may have something to do, in the order of their beginnings. */
  readonly #active = new Map<ServerResponse, Arrival>();
  /** Those that handlers have ended, and that are sent without a place. */
  readonly #sending = new Map<ServerResponse, Arrival>();
  readonly #reception: Reception;
  readonly #stall: Stall<Arrival>;
  /** Of every response: listeners that need no closure of their own. */
  readonly #onPrefinish: (this: ServerResponse) => void;
  readonly #onClose: (this: ServerResponse) => void;
  #admission: Admission | undefined;
  #intake: Intake | undefined;
  #slow: SlowClients | undefined;

  constructor(options: AnswersOptions) {
    this.#options = options;
    this.#reception = { begin: (arrival) => this.#begin(arrival), drop: (arrival) => this.#drop(arrival.request) };
    this.#stall = new Stall(options.context.pulse, ({ request, socket }) => isStream(request) || socket.destroy());
    const ended = (response: ServerResponse): void => this.#ended(response);
    const close = (response: ServerResponse): void => this.#close(response);
    this.#onPrefinish = function () {
      ended(this);
    };
    this.#onClose = function () {
      close(this);
    };
  }

  /** From now on requests need places. */
  admitWith(acceptor: Acceptor, idle: IdleConnections): void {
    const { spec, pulse } = this.#options.context;
    const { workerConnections, requestBuffer } = spec.serving;
    const intake = new Intake(requestBuffer);
    this.#intake = intake;
    this.#admission = new Admission(acceptor, workerConnections, {
      dismiss: (socket, stays) => {
        if (!intake.giveUp(socket)) idle.evict(socket, stays);
      },
      forget: (socket) => socket.destroy(),
    });
    this.#slow = new SlowClients(spec.clocks.timeout, {
      placed: () => [...this.#active].map(([response, { socket }]) => [response, socket] as const),
      // The clock of the request stands still meanwhile.
      onWait: (duration) => pulse.vitals.extend(duration, pulse.vitals.read().patientUntil),
      onRoom: (response) => this.#handled(response),
      onSlow: (response, waited) => this.#cutOff(response, waited),
    });
  }

  /** The answers whose handlers have not ended them, the first one first. */
  get active(): ReadonlyMap<ServerResponse, Arrival> {
    return this.#active;
  }

  /** What is under way on a connection. */
  of(socket: Socket): Arrival[] {
    return [...this.#sending.values(), ...this.#active.values()].filter((arrival) => arrival.socket === socket);
  }

  /** Connections whose answers have ended, but for their way to the client. */
  sending(): Socket[] {
    return [...this.#sending.values()].map(({ socket }) => socket);
  }

  /** Whether no other request of the connection waits for an answer behind this one. */
  readonly isLast = (response: ServerResponse): boolean => {
    const socket = (ownerOf(response) as Arrival | undefined)?.socket;
    if (socket === undefined) return true;
    if (pendingOf(socket) === 1) return true;
    const answers = this.of(socket);
    return answers.at(-1)?.response === response && answers.length === pendingOf(socket);
  };

  /** Whether clients had to wait for those whose connections are kept. */
  get isCrowded(): boolean {
    return this.#admission?.crowd.isWaiting === true;
  }

  /** The connection of an answer is not kept, for the sake of one of them. */
  givesWay(): boolean {
    return this.#admission?.crowd.giveWay() ?? false;
  }

  /** A connection has been accepted, with a place. */
  welcome(socket: Socket, now: number): void {
    this.#admission?.welcome(socket, now);
  }

  /** Resolves when what is under way on a connection has been answered. */
  async answered(socket: Socket): Promise<void> {
    await Promise.all(
      this.of(socket).map(({ response }) => new Promise((resolve) => endOf(response).once('close', resolve))),
    );
  }

  /**
   * The head of a request has come.
   *
   * @param whole - whether its body is waited for, where that needs no place.
   */
  serve(arrival: Arrival, whole: boolean): void {
    arrival.reception = this.#reception;
    if (whole && this.#intake?.wants(arrival.request)) this.#receive(this.#intake, arrival);
    else this.#apply(arrival);
    if (!arrival.begun) arrival.putOff();
  }

  /** Node tells only the first of pipelined requests that its connection has closed. */
  closed(socket: Socket): void {
    if (pendingOf(socket) > 0) for (const { response } of this.of(socket)) this.#close(response);
    const coming = this.#intake?.drop(socket);
    if (coming) this.#drop(coming);
    this.#admission?.end(socket);
  }

  #receive(intake: Intake, arrival: Arrival): void {
    const { request, response, socket } = arrival;
    intake.receive(request, socket, {
      ready: () => this.#apply(arrival),
      giveUp: () =>
        this.#refuseSlow(response, 'has been sending its body for the longest of all, and there is no more room'),
    });
  }

  /** Nothing more of a connection is served. Returns whether it had no place of its own. */
  release(socket: Socket): boolean {
    const coming = this.#intake?.drop(socket);
    if (coming) this.#drop(coming);
    this.#admission?.release(socket);
    return this.#admission !== undefined;
  }

  /** The request is here, and wants a place where it needs one. */
  #apply(arrival: Arrival): void {
    if (this.#admission) this.#admission.request(arrival.socket, arrival, pendingOf(arrival.socket) > 1);
    else this.#stall.pass(arrival);
  }

  /** Returns whether the answer is still to come. */
  #begin(arrival: Arrival): boolean {
    const { request, response, answer, socket } = arrival;
    const { slot, pulse } = this.#options.context;
    this.#intake?.release(request);
    this.#active.set(response, arrival);
    if (this.#admission) pulse.vitals.begin();
    slot.begin(request.method ?? '', request.url ?? '');
    const end = endOf(response);
    if (end === response) response.on('close', this.#onClose);
    else end.on('close', () => this.#close(response));
    this.#options.prepare(response);
    attempt(
      () => answer(request, response),
      (error) => {
        arrival.failed = true;
        report(error, request);
        refuse(response);
      },
    );
    const { writableEnded } = response;
    // What is not read yet, or may have come meanwhile, would make the close a reset.
    if (!writableEnded || (isEnd(response) && (hasBody(request) || performance.now() - idleSince(socket) >= SHORT))) {
      this.#options.guard(socket);
    }
    if (this.#admission) {
      // Most have: a listener more would cost them.
      if (writableEnded) this.#ended(response);
      else response.on('prefinish', this.#onPrefinish);
    }
    return !writableEnded;
  }

  #drop(request: IncomingMessage): void {
    this.#intake?.release(request);
    this.#options.context.slot.abandon();
  }

  /** The handler has ended its answer: what the client has not taken in a turn of the event loop is sent beside the next request. */
  #ended(response: ServerResponse): void {
    if (!response.socket?.writableLength) return;
    setImmediate(() => {
      const arrival = this.#active.get(response);
      if (arrival && !response.writableFinished && this.#slow?.send(response, arrival.socket)) this.#handled(response);
    });
  }

  /** The handler is done, and its place is another's. */
  #handled(response: ServerResponse): void {
    const arrival = this.#active.get(response);
    if (arrival === undefined) return;
    this.#active.delete(response);
    this.#sending.set(response, arrival);
    this.#leave(arrival);
    this.#admission?.free(arrival.socket);
  }

  /** The answer has come to its end, whole or not. */
  #close(response: ServerResponse): void {
    const active = this.#active.get(response);
    const arrival = active ?? this.#sending.get(response);
    if (arrival === undefined) return;
    if (active) {
      this.#active.delete(response);
      this.#leave(active);
    } else {
      this.#sending.delete(response);
      this.#slow?.end(response);
    }
    const { socket } = arrival;
    const now = performance.now();
    countPending(socket, -1, now);
    if (departure.hasBegun) endKept(response, socket);
    // Of a connection that is not kept Node has ended its side by now.
    if (streamOf(socket).writable) this.#admission?.keep(socket, now);
    else this.#admission?.free(socket, now);
  }

  /** The request no longer counts as one that is served. */
  #leave({ response, failed }: Arrival): void {
    const { slot, pulse } = this.#options.context;
    slot.end(failed);
    if (this.#admission) pulse.vitals.end();
    this.#options.finish(response);
  }

  #cutOff(response: ServerResponse, waited: number): void {
    const what = response.headersSent ? 'take its answer' : 'send its body';
    this.#refuseSlow(response, `had to be waited for to ${what}, for ${(waited / 1_000).toFixed(1)} s`);
  }

  #refuseSlow(response: ServerResponse, why: string): void {
    const { method, url = '', socket } = response.req;
    const who = socket.remoteAddress ?? 'a client';
    this.#options.context.warn('slow-client', `client too slow: ${who} ${why}: ${method} ${quoted(url)}`);
    // Slow is not silent: what it sends all the same must not take the answer away.
    this.#options.guard(socket);
    refuse(response, 408);
  }
}

/** Whether Node closes the connection behind this answer, whose head has been written. Undocumented, but there from Node 20 to 26. */
function isEnd(response: ServerResponse): boolean {
  return (response as { _last?: boolean })._last !== false;
}

/**
 * Whose `'close'` is the end of an answer. With HTTP/2 it is the stream's: to HEAD, a response of Node has no `'close'` when the client
 * takes the request back before the handler has ended it.
 */
function endOf(response: ServerResponse): ServerResponse | Duplex {
  return (response as { stream?: Duplex }).stream ?? response;
}

import type { Socket } from 'node:net';
import { asDelay } from '../../delay.js';
import { monotonic } from '../../monotonic.js';
import { numberOf } from '../accept/accepted.js';
import { descriptorOf } from '../connections/connection.js';
import { noteRest, pending } from '../insight/pending.js';
import { SlowRecord } from '../insight/slow-record.js';
import { afterTurn } from '../vitals/loop-time.js';
import type { WorkerContext } from '../worker.js';
import type { Arrival } from './arrival.js';
import { isEventStream } from './endless-answers.js';

/** The shortest time between two looks, even where `slowAfter` is shorter. Milliseconds. */
const SHORTEST_REST = 5;

/** The requests that are watched. */
export interface Requests {
  /** Those whose handlers have not ended their answers, in the order in which they began. */
  readonly active: () => readonly Arrival[];
  /** Whether there is one at a time, which the signs of life name. It is known before the first one begins. */
  readonly isSingle: () => boolean;
}

/** How a request begins; and what is called when its answer has come to its end, if anything is. */
export interface Beginning {
  readonly begin: (arrival: Arrival) => boolean;
  readonly land?: (arrival: Arrival) => void;
}

/**
 * Reports requests that are not done after `slowAfter`, as long as the event loop turns: such requests wait for
 * something. When the loop is blocked, the watcher of this thread (its watchdog, or the main thread of a threaded
 * worker) reports instead. This class looks when the oldest unreported request in flight may be due, and once in
 * `slowAfter` if there is none.
 */
export class SlowRequests {
  readonly #context: WorkerContext;
  readonly #slowAfter: number;
  readonly #record: SlowRecord;
  readonly #active: Requests['active'];
  readonly #isSingle: Requests['isSingle'];
  readonly #told = new WeakSet<Arrival>();

  /**
   * @returns how a request begins from now on. Its client is noted in the record, for a watcher that may have to name
   * it.
   */
  static watch(context: WorkerContext, requests: Requests, begin: Beginning['begin']): Beginning {
    const { clocks, proxyProtocol } = context.spec;
    const named = proxyProtocol === true;
    if (clocks.slowAfter > 0) return new SlowRequests(context, requests).#timed(begin, named);
    if (!named && clocks.timeout === 0) return { begin };
    const record = new SlowRecord(context.pulse.vitals.memory);
    return {
      begin: (arrival) => {
        noteClient(record, arrival.socket, named);
        return begin(arrival);
      },
    };
  }

  private constructor(context: WorkerContext, { active, isSingle }: Requests) {
    this.#context = context;
    this.#slowAfter = context.spec.clocks.slowAfter;
    this.#record = new SlowRecord(context.pulse.vitals.memory);
    this.#active = active;
    this.#isSingle = isSingle;
    this.#rest(this.#slowAfter);
  }

  #timed(begin: Beginning['begin'], named: boolean): Beginning {
    const record = this.#record;
    return {
      begin: (arrival) => {
        noteClient(record, arrival.socket, named);
        // Without a place, nobody has read the clock yet.
        if (arrival.began === 0) arrival.began = performance.now();
        if (!this.#isSingle()) record.fly(monotonic(arrival.began));
        return begin(arrival);
      },
      land: (arrival) => this.#isSingle() || record.land(monotonic(arrival.began)),
    };
  }

  #rest(duration: number): void {
    setTimeout(() => this.#look(), asDelay(Math.max(SHORTEST_REST, Math.ceil(duration)))).unref();
  }

  #look(): void {
    const now = performance.now();
    const active = this.#active();
    if (active.length === 0) noteRest(this.#context.slot.connections);
    this.#noteTold(active);
    const next = active.find((arrival) => !this.#told.has(arrival));
    const due = (next?.began ?? now) + this.#slowAfter;
    if (due > now) {
      this.#rest(due - now);
      return;
    }
    // After the loop was blocked, some requests are about to be done: only the one that blocked it was slow.
    afterTurn(() => {
      this.#tellAll();
      this.#rest(SHORTEST_REST);
    });
  }

  #tellAll(): void {
    const now = performance.now();
    let awaited: readonly string[] | undefined;
    const active = this.#active();
    this.#noteTold(active);
    for (const arrival of active) {
      if (now - arrival.began < this.#slowAfter) return;
      if (this.#told.has(arrival)) continue;
      this.#told.add(arrival);
      // Either the watcher has reported this request, or nobody is to. An event stream is endless, but not slow. Once
      // an answer has been ended, only its client is slow.
      if (!this.#record.claim(monotonic(arrival.began))) continue;
      if (arrival.response.writableEnded || isEventStream(arrival.response)) continue;
      if (!this.#record.admits(monotonic(now))) {
        this.#record.suppress();
        continue;
      }
      awaited ??= pending(this.#context.slot.connections);
      this.#tell(arrival, now - arrival.began, awaited);
    }
  }

  /** Marks the requests that the watcher has reported. */
  #noteTold(active: readonly Arrival[]): void {
    for (const arrival of active) if (this.#record.isTold(monotonic(arrival.began))) this.#told.add(arrival);
  }

  #tell({ request, socket, id }: Arrival, age: number, awaited: readonly string[]): void {
    const { method = '', url = '' } = request;
    const { remoteAddress } = socket;
    const { thread } = this.#context.spec;
    this.#context.tell({
      type: 'slow',
      request: {
        method,
        url,
        startedAt: Math.round(Date.now() - age),
        ...(id && { id }),
        ...(remoteAddress && { remoteAddress }),
      },
      age,
      doing: 'waiting',
      pending: awaited,
      ...(thread !== undefined && { thread }),
      ...this.#record.report(),
    });
  }
}

/** @param named - whether the PROXY protocol may have given the client's address. */
function noteClient(record: SlowRecord, socket: Socket, named: boolean): void {
  const descriptor = descriptorOf(socket);
  // With TLS no plain answer can be written to the connection, so its descriptor was not noted.
  record.noteClient(descriptor >= 0 ? descriptor : numberOf(socket));
  if (named) record.noteAddress(socket.remoteAddress);
}

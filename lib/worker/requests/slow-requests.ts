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

/** Between two looks, also where `slowAfter` is shorter. Milliseconds. */
const SHORTEST_REST = 5;

/** How a request begins, and what is to be told when its answer has come to its end, if anybody is. */
export interface Beginning {
  readonly begin: (arrival: Arrival) => boolean;
  readonly land?: (arrival: Arrival) => void;
}

/**
 * Tells of requests that are not done after `slowAfter`, as long as the event loop turns: then they wait. Of one that stands still, whoever
 * watches this thread tells. It looks at the oldest request in flight when that may be due, and once in `slowAfter` where there is none.
 */
export class SlowRequests {
  readonly #context: WorkerContext;
  readonly #slowAfter: number;
  readonly #record: SlowRecord;
  readonly #active: () => readonly Arrival[];
  readonly #told = new WeakSet<Arrival>();

  /**
   * @param active - whose handlers have not ended their answers, in the order of their beginnings.
   * @returns how a request begins from now on: whose it is is noted for the one that watches, who may have to name the client.
   */
  static watch(context: WorkerContext, active: () => readonly Arrival[], begin: Beginning['begin']): Beginning {
    const { clocks, proxyProtocol } = context.spec;
    const named = proxyProtocol === true;
    if (clocks.slowAfter > 0) return new SlowRequests(context, active).#timed(begin, named);
    if (!named && clocks.timeout === 0) return { begin };
    const record = new SlowRecord(context.pulse.vitals.memory);
    return {
      begin: (arrival) => {
        noteClient(record, arrival.socket, named);
        return begin(arrival);
      },
    };
  }

  private constructor(context: WorkerContext, active: () => readonly Arrival[]) {
    this.#context = context;
    this.#slowAfter = context.spec.clocks.slowAfter;
    this.#record = new SlowRecord(context.pulse.vitals.memory);
    this.#active = active;
    this.#rest(this.#slowAfter);
  }

  #timed(begin: Beginning['begin'], named: boolean): Beginning {
    const record = this.#record;
    let many = false;
    return {
      begin: (arrival) => {
        noteClient(record, arrival.socket, named);
        // It has no place, and so nobody has looked at the clock.
        if (many || arrival.began === 0) {
          many = true;
          arrival.began = performance.now();
          record.fly(monotonic(arrival.began));
        }
        return begin(arrival);
      },
      land: (arrival) => many && record.land(monotonic(arrival.began)),
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
    // After a loop that stood still, some of them are about to be done, and only the one that held it up was slow.
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
      // Whoever watches has told of it, or nobody is to: an endless answer is no slow one, and of one that has been ended the client is slow.
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

  /** Whoever watches may have told of some. */
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

/** @param named - whether a proxy may have said who that is. */
function noteClient(record: SlowRecord, socket: Socket, named: boolean): void {
  const descriptor = descriptorOf(socket);
  // With TLS, nothing plain is written on it, so nobody has asked yet.
  record.noteClient(descriptor >= 0 ? descriptor : numberOf(socket));
  if (named) record.noteAddress(socket.remoteAddress);
}

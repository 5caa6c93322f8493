/*
 * What a thread is doing at a moment: why a request is slow, asked by a clock or by the master. It finds out and tells; nothing is ended here,
 * and how a thread is held is a matter of who watches it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { asDelay } from '../../delay.js';
import { monotonic } from '../../monotonic.js';
import type { KernelState, SlowMessage, ThreadActivity, TimedOutRequest } from '../../protocol/activity.js';
import { kernelState } from '../../system/thread-state.js';
import { readImage } from '../vitals/board.js';
import { SILENCE } from '../vitals/judge.js';
import { type Signs, STAGE, type Vitals } from '../vitals/vitals.js';
import { clientAddress } from './client-address.js';
import type { Glimpse, Look } from './look.js';
import { SlowRecord } from './slow-record.js';

/** What is behind its handler is over soon. Milliseconds. */
const SOON = 20;
const SHORTEST_REST = 5;
const ALWAYS = (): boolean => true;

interface Found extends Glimpse {
  /** What the kernel says of a thread that did not stop. */
  readonly kernel?: KernelState | undefined;
}

/** What is slow, as it is found before anybody looks. */
interface Sighting {
  /** When the request began; of a class that serves many, when that one did which came last; 0 for none. */
  readonly stamp: number;
  readonly request: TimedOutRequest | undefined;
  readonly at: number;
  readonly kernel: KernelState | undefined;
}

export interface Watched {
  readonly vitals: Vitals;
  /** The image of its slot. */
  readonly image: SharedArrayBuffer;
  /** The number of the thread, from 1; absent for the main one. */
  readonly thread: number | undefined;
  /** The listening sockets, see `peersOf()`. */
  readonly sockets: readonly (string | number)[];
  /** Resolves when it has had the time to tell of itself what it can: time in which it had a CPU, or slept. */
  readonly grace: () => Promise<unknown>;
  readonly look: Look;
}

/** Watches one thread from another one. All that is found out of it is found out here, one thing at a time. */
export class SlowWatch {
  readonly #watched: Watched;
  readonly #record: SlowRecord;
  readonly #slowAfter: number;
  readonly #tell: (message: SlowMessage) => void;
  #timer: NodeJS.Timeout | undefined;
  /** When the request began, or the event loop turned last, of which it has been found out already. */
  #tried = 0;
  #ended = false;
  #busy: Promise<unknown> = Promise.resolve();

  /** @param slowAfter - 0: it finds out only what it is asked for. */
  constructor(watched: Watched, slowAfter: number, tell: (message: SlowMessage) => void) {
    this.#watched = watched;
    this.#record = new SlowRecord(watched.vitals.memory);
    this.#slowAfter = slowAfter;
    this.#tell = tell;
    if (slowAfter > 0) this.#rest(slowAfter);
  }

  /** Resolves when the thread is not held for a look. */
  settled(): Promise<unknown> {
    return this.#busy;
  }

  /** It looks no more. */
  stop(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  /** What the thread does now; whether its event loop turns or not. */
  async activity(): Promise<ThreadActivity> {
    let found: ThreadActivity | undefined;
    const glimpse = await this.#glimpse(ALWAYS, () => {
      const { vitals, image, thread } = this.#watched;
      const record = vitals.read().stage === STAGE.BOOTING ? undefined : readImage(image);
      found = {
        ...(thread !== undefined && { thread }),
        active: record?.active ?? 0,
        ...(record?.request && { request: this.#withAddress(record.request) }),
      };
    });
    return { active: 0, ...found, ...doing(glimpse) };
  }

  #rest(duration: number): void {
    this.#timer = setTimeout(() => this.#check(), asDelay(Math.max(SHORTEST_REST, Math.ceil(duration)))).unref();
  }

  /** What begins from now on cannot be due before `slowAfter` is over, so there is no need to look before. */
  #check(): void {
    if (this.#ended) return;
    const now = monotonic();
    const signs = this.#watched.vitals.read();
    const subject = this.#subject(signs);
    const due = this.#due(signs);
    if (subject === 0) this.#rest(this.#slowAfter);
    else if (due > now) this.#rest(due - now);
    else {
      this.#tried = subject;
      // Another one may have begun meanwhile.
      void this.#find(signs, subject, now).finally(() => this.#check());
    }
  }

  /**
   * What may be slow: the request where one is served at a time; else a silence of the event loop, while requests are in flight. As
   * a moment of `monotonic()`; 0 for nothing.
   */
  #subject({ stage, request, beat }: Signs): number {
    if (stage !== STAGE.SERVING) return 0;
    const subject = request > 0 ? request : this.#record.flying > 0 ? beat : 0;
    return subject === this.#tried || this.#record.isTold(subject) ? 0 : subject;
  }

  /** When the request has had its time, and the event loop has been silent: one that turns has its thread tell of its slow requests itself. Of many, the one that came last may have come a moment after it turned. */
  #due({ request, beat }: Signs): number {
    if (request === 0)
      return Math.max(this.#record.latest + this.#slowAfter, beat + Math.max(this.#slowAfter, SILENCE));
    return Math.max(request + this.#slowAfter, beat > request ? beat + SILENCE : 0);
  }

  async #find(signs: Signs, subject: number, now: number): Promise<void> {
    const record = this.#record;
    if (!record.admits(now)) {
      if (record.claim(signs.request || record.latest || subject)) record.suppress();
      return;
    }
    const sighting = this.#sighting(signs);
    if (sighting === undefined) return;
    // On a busy machine it may have been kept from its own clock, as by a signal that stops it. While the loop does not turn at all, it is at work.
    if (signs.request === 0 || signs.beat > signs.request) await this.#watched.grace();
    const turned = signs.beat !== this.#watched.vitals.read().beat;
    let held = false;
    const isSame = (): boolean => this.#isSame(signs, sighting);
    const seen = (): void => {
      // It may have ended meanwhile, and another one have begun.
      held = isSame();
    };
    const glimpse =
      turned || !record.mayHold ? this.#passing(turned, sighting, seen) : await this.#glimpse(isSame, seen);
    if (this.#ended || glimpse.blind === 'taken') return;
    const met = held && !glimpse.waits;
    // Behind its handler, it may be about to end.
    if (!met && !this.#isOver(signs, sighting)) await delay(SOON);
    // Its event loop has turned, and what goes on tells of itself.
    if (!met && !this.#isOver(signs, sighting)) return;
    const { request, stamp, at } = sighting;
    if (!record.claim(stamp || subject)) return;
    const { thread } = this.#watched;
    this.#tell({
      type: 'slow',
      ...(request && { request }),
      age: (met ? monotonic() : at) - (stamp || subject),
      ...(met ? doing(glimpse) : overMeanwhile(glimpse, sighting)),
      ...(thread !== undefined && { thread }),
      ...record.report(),
    });
  }

  /** Undefined where it is over by then. */
  #sighting(signs: Signs): Sighting | undefined {
    const stamp = signs.request || this.#record.latest;
    const request = stamp === 0 ? undefined : readImage(this.#watched.image)?.request;
    const named = request && this.#withAddress(request);
    const sighting = { stamp, request: named, at: monotonic(), kernel: this.#kernel() };
    return this.#isSame(signs, sighting) ? sighting : undefined;
  }

  #isSame(signs: Signs, { stamp }: Sighting): boolean {
    return this.#goesOn(signs) && stamp === (signs.request || this.#record.latest);
  }

  /** The request is; that a silence is over does not say whose it was. */
  #isOver(signs: Signs, { stamp }: Sighting): boolean {
    return signs.request > 0 ? !this.#goesOn(signs) : stamp > 0 && stamp !== this.#record.latest;
  }

  #goesOn(before: Signs): boolean {
    const { request, beat } = this.#watched.vitals.read();
    return before.request > 0 ? request === before.request : beat === before.beat;
  }

  #withAddress(request: TimedOutRequest): TimedOutRequest {
    const address = clientAddress(this.#record, this.#watched.sockets);
    return { ...request, ...(address !== undefined && { remoteAddress: address }) };
  }

  #kernel(): KernelState | undefined {
    return kernelState(`/proc/self/task/${this.#watched.vitals.systemThread}`);
  }

  /** What is known of a thread that need not, or must not, be held. */
  #passing(waits: boolean, { kernel }: Sighting, seen: () => void): Found {
    seen();
    return { paused: 0, blind: 'impossible', waits, kernel };
  }

  /** One look at a time: of two, one would let go of what the other one holds. */
  #glimpse(wanted: () => boolean, seen: () => void): Promise<Found> {
    const { look } = this.#watched;
    let kernel: KernelState | undefined;
    const glimpse = this.#busy.then(() =>
      look({
        wanted,
        seen: (held) => {
          seen();
          if (!held) kernel = this.#kernel();
        },
      }),
    );
    this.#busy = glimpse.catch(() => undefined);
    return glimpse.then(
      (found) => {
        if (found.paused > 0) this.#record.notePause(found.paused);
        return { ...found, kernel };
      },
      () => ({ paused: 0, blind: 'impossible', kernel }),
    );
  }
}

function doing({ stack, waits, paused, blind, kernel }: Found): Partial<ThreadActivity> {
  if (waits) return { doing: 'waiting', paused };
  if (stack !== undefined) return { doing: 'javascript', stack, paused };
  return { ...(!blind && { doing: 'native' }), ...(kernel && { kernel }), ...(paused > 0 && { paused }) };
}

/** Of a request that was over before its thread could be met: what the kernel said of it is all that is known. */
function overMeanwhile({ paused }: Found, { kernel }: Sighting): Partial<ThreadActivity> {
  return { ...(kernel && { kernel }), ...(paused > 0 && { paused }) };
}

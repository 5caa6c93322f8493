/*
 * Finds out what a thread is doing: when a request is slow, or when the master asks. It only reports; it ends
 * nothing. How the thread is held (paused for a moment, to read its call stack) is up to the watcher that uses this.
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

/** How long a request may still take to end after its handler has. Milliseconds. */
const SOON = 20;
const SHORTEST_REST = 5;
const ALWAYS = (): boolean => true;

interface Found extends Glimpse {
  /** The kernel's state of a thread that did not pause. */
  readonly kernel?: KernelState | undefined;
}

/** What is slow, as it is known before the thread is held. */
interface Sighting {
  /** When the request began; in a class that serves many at once, when the latest one began; 0 for none. */
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
  /**
   * Resolves when the thread has had enough time to report its slow request itself: time in which it had a CPU, or
   * slept.
   */
  readonly grace: () => Promise<unknown>;
  readonly look: Look;
}

/** Watches one thread from another one. All looks at the thread are made here, one at a time. */
export class SlowWatch {
  readonly #watched: Watched;
  readonly #record: SlowRecord;
  readonly #slowAfter: number;
  readonly #tell: (message: SlowMessage) => void;
  #timer: NodeJS.Timeout | undefined;
  /** The subject that has been looked into already: a time, as `#subject` returns it. */
  #tried = 0;
  #ended = false;
  #busy: Promise<unknown> = Promise.resolve();

  /** @param slowAfter - milliseconds; with 0, it looks only when it is asked. */
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

  /** Ends the watch for slow requests. */
  stop(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  /** What the thread is doing now, whether its event loop turns or not. */
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

  /**
   * A request that begins from now on is not due before `slowAfter` has passed, so without one the next check is
   * then.
   */
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
      // Checks again at the end, since another request may have begun meanwhile.
      void this.#find(signs, subject, now).finally(() => this.#check());
    }
  }

  /**
   * What may be slow, as a time of `monotonic()`: when the request began, in a class that serves one at a time; in
   * others, when the event loop turned last, while requests are in flight. 0 for nothing, or for what is done with.
   */
  #subject({ stage, request, beat }: Signs): number {
    if (stage !== STAGE.SERVING) return 0;
    const subject = request > 0 ? request : this.#record.flying > 0 ? beat : 0;
    return subject === this.#tried || this.#record.isTold(subject) ? 0 : subject;
  }

  /**
   * When the subject is to be looked into: when the request has lasted for `slowAfter`, and the event loop has been
   * silent. A thread whose loop turns reports its slow requests itself. In a class that serves many at once, the latest
   * request may have begun a moment after the last beat.
   */
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
    // On a busy machine, or stopped by a signal, the thread may not have come to its own clock: it gets time for
    // that. If the loop has not turned since the request began, the thread is at work on it, and need not be waited
    // for.
    if (signs.request === 0 || signs.beat > signs.request) await this.#watched.grace();
    const turned = signs.beat !== this.#watched.vitals.read().beat;
    let held = false;
    const isSame = (): boolean => this.#isSame(signs, sighting);
    const seen = (): void => {
      // The request may have ended meanwhile, and another one have begun.
      held = isSame();
    };
    const glimpse =
      turned || !record.mayHold ? this.#passing(turned, sighting, seen) : await this.#glimpse(isSame, seen);
    if (this.#ended || glimpse.blind === 'taken') return;
    const met = held && !glimpse.waits;
    // The thread was not caught at the request. If its handler is done, the request is about to end.
    if (!met && !this.#isOver(signs, sighting)) await delay(SOON);
    // The event loop has turned, so the thread reports a request that goes on itself.
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

  /** What is slow; undefined if it is over by now. */
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

  /**
   * Whether the request is over. With many at once, the end of a silence does not say so; the latest must have
   * changed.
   */
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

  /** Takes the place of a look at a thread that need not, or must not, be held. */
  #passing(waits: boolean, { kernel }: Sighting, seen: () => void): Found {
    seen();
    return { paused: 0, blind: 'impossible', waits, kernel };
  }

  /**
   * Looks at the thread. Only one look at a time: the first of two to end would release the thread for the other too.
   */
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

/** For a request that was over before its thread could be held: only what the kernel said before is known. */
function overMeanwhile({ paused }: Found, { kernel }: Sighting): Partial<ThreadActivity> {
  return { ...(kernel && { kernel }), ...(paused > 0 && { paused }) };
}

/*
 * What a thread is doing at a moment: why a request is slow, asked by a clock or by the master. It finds out and tells; nothing is ended here,
 * and how a thread is held is a matter of who watches it.
 */
import { asDelay } from '../../delay.js';
import { monotonic } from '../../monotonic.js';
import type { KernelState, SlowMessage, ThreadActivity, TimedOutRequest } from '../../protocol/activity.js';
import { kernelState } from '../../system/thread-state.js';
import { readImage } from '../vitals/board.js';
import { type Signs, STAGE, type Vitals } from '../vitals/vitals.js';
import { clientAddress } from './client-address.js';
import { SlowRecord } from './slow-record.js';

/** A thread whose event loop turns tells of its slow request itself, and gets so much longer to do so. Milliseconds. */
const GRACE = 20;
const SHORTEST_REST = 5;

/** What was seen of a thread by having it stand still for a moment. */
export interface Glimpse {
  /** Absent where it did not stop in time: it is in native code. */
  readonly stack?: string;
  /** For so many milliseconds it stood still; 0 where it did not. */
  readonly paused: number;
  /** Why nobody looked: it cannot be done, or somebody else has it in his hands, who ends it. */
  readonly blind?: 'impossible' | 'taken';
}

/** With what the kernel says of a thread that did not stop. */
interface Found extends Glimpse {
  readonly kernel?: KernelState | undefined;
}

/**
 * Has the watched thread stand still for a moment, and go on.
 *
 * @param seen - called while it stands still (`held`), or when it is given up that it will.
 */
export type Look = (seen: (held: boolean) => void) => Promise<Glimpse>;

export interface Watched {
  readonly vitals: Vitals;
  /** The image of its slot. */
  readonly image: SharedArrayBuffer;
  /** The number of the thread, from 1; absent for the main one. */
  readonly thread: number | undefined;
  /** The listening sockets, see `peersOf()`. */
  readonly sockets: readonly (string | number)[];
  readonly look: Look;
  /** Whether a stack shows nothing but how the event loop of this library turns. */
  readonly isIdle: (stack: string) => boolean;
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
    const glimpse = await this.#glimpse(() => {
      const { vitals, image, thread } = this.#watched;
      const record = vitals.read().stage === STAGE.BOOTING ? undefined : readImage(image);
      found = {
        ...(thread !== undefined && { thread }),
        active: record?.active ?? 0,
        ...(record?.request && { request: this.#withAddress(record.request) }),
      };
    });
    return { active: 0, ...found, ...this.#doing(glimpse) };
  }

  #rest(duration: number): void {
    if (this.#ended) return;
    this.#timer = setTimeout(() => this.#check(), asDelay(Math.max(SHORTEST_REST, Math.ceil(duration)))).unref();
  }

  /** What begins from now on cannot be due before `slowAfter` is over, so there is no need to look before. */
  #check(): void {
    const now = monotonic();
    const signs = this.#watched.vitals.read();
    const subject = this.#subject(signs);
    // Of many, the one that came last may have come a moment after the event loop turned.
    const since = signs.request || Math.max(subject, this.#record.latest);
    const due = since + this.#slowAfter + GRACE;
    if (subject === 0) this.#rest(this.#slowAfter);
    else if (due > now) this.#rest(due - now);
    else {
      this.#tried = subject;
      void this.#find(signs, subject, now).finally(() => this.#rest(this.#slowAfter));
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

  async #find(signs: Signs, subject: number, now: number): Promise<void> {
    const record = this.#record;
    if (!record.admits(now)) {
      if (record.claim(signs.request || record.latest || subject)) record.suppress();
      return;
    }
    let seen: { readonly stamp: number; readonly request: TimedOutRequest | undefined } | undefined;
    const glimpse = await this.#glimpse(() => {
      const stamp = signs.request || record.latest;
      const request = stamp === 0 ? undefined : readImage(this.#watched.image)?.request;
      // It may have ended meanwhile, and another one have begun: of that nothing was to be found out.
      if (this.#goesOn(signs) && stamp === (signs.request || record.latest))
        seen = { stamp, request: request && this.#withAddress(request) };
    });
    if (this.#ended || glimpse.blind === 'taken') return;
    // Its event loop turned all the same, and it tells of itself.
    if (glimpse.stack !== undefined && this.#watched.isIdle(glimpse.stack)) return;
    if (seen === undefined || !record.claim(seen.stamp || subject)) return;
    const { thread } = this.#watched;
    const { request, stamp } = seen;
    this.#tell({
      type: 'slow',
      ...(request && { request }),
      age: monotonic() - (stamp || subject),
      ...this.#doing(glimpse),
      ...(thread !== undefined && { thread }),
      ...record.report(),
    });
  }

  #goesOn(before: Signs): boolean {
    const { request, beat } = this.#watched.vitals.read();
    return before.request > 0 ? request === before.request : beat === before.beat;
  }

  #withAddress(request: TimedOutRequest): TimedOutRequest {
    const address = clientAddress(this.#record, this.#watched.sockets);
    return { ...request, ...(address !== undefined && { remoteAddress: address }) };
  }

  #doing({ stack, paused, blind, kernel }: Found): Partial<ThreadActivity> {
    if (stack !== undefined) {
      const idle = this.#watched.isIdle(stack);
      return idle ? { doing: 'waiting', paused } : { doing: 'javascript', stack, paused };
    }
    return { ...(!blind && { doing: 'native' }), ...(kernel && { kernel }), ...(paused > 0 && { paused }) };
  }

  /** One look at a time: of two, one would let go of what the other one holds. */
  #glimpse(seen: () => void): Promise<Found> {
    const { look, vitals } = this.#watched;
    let kernel: KernelState | undefined;
    const glimpse = this.#busy.then(() =>
      look((held) => {
        seen();
        if (!held) kernel = kernelState(`/proc/self/task/${vitals.systemThread}`);
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

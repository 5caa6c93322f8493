import type { DescriptorCount } from '../../system/descriptors.js';
import { type DescriptorTable, SYSTEM } from './descriptor-table.js';

/** Of what a worker could open when it begins to serve, a quarter is kept free for work under way, `MOST` at most. */
const SHARE = 4;
const MOST = 64;
/** With less room at the beginning, nothing is kept free: the worker would be short at once, its replacement too. */
const LEAST_ROOM = 8;
/**
 * So many descriptors are held open as a reserve, for when none are left at all: they are needed to look what the
 * others are, and to end. In a process with threads, each thread holds as many as there are threads, as far as there is
 * room: each of those may accept one more connection before it has heard of a shortage.
 */
const HELD = 2;
/** During the last call, only so many are kept free, or one for each thread if that is more. */
const LAST = 2;
/**
 * The pause between two counts: in general, and while few are left or they are short. It is longer where counting would
 * take more than a fiftieth of the time. Milliseconds.
 */
const PAUSE = { idle: 1_000, short: 100 } as const;
const PATIENCE = 50;
/**
 * A look costs a microsecond or two, so there is one in `LOOK_PAUSE` milliseconds; sooner where all descriptors that
 * are left could be used up by then. No thread opens `FASTEST` in a millisecond: JavaScript comes to 500 to 1,000.
 */
const LOOK_PAUSE = 10;
const FASTEST = 2_500;
/** With fewer left, each turn of the event loop brings a look: one callback of the application could use them up. */
const FEW = 1_000;

/** The code of the error that reports a shortage. */
const SHORTAGE = 'ERR_WORKER_DESCRIPTORS';

/** What lets clients in: an acceptor. */
export interface Door {
  readonly connections: { readonly size: number };
  /** From now on no client is let in; or, with `false`, clients are let in again. */
  shutFor(shortage: boolean): void;
}

/** What is done about a shortage. */
export interface Relief {
  /** Clients' connections take most of the descriptors: that is not a leak. */
  readonly warn: (message: string) => void;
  /** Something else has taken them, and may keep them: this process is to be replaced. Called once. */
  readonly replace: (error: Error) => void;
}

/**
 * Sees to it that a worker does not run out of file descriptors. When libuv has none left to accept with, it accepts
 * each connection and closes it at once, silently. So a worker that leaks descriptors would go on taking clients from
 * its siblings, and lose them all. It stops accepting while some descriptors are left instead.
 *
 * They are counted after the application has run: when a handler returns, when a request ends, in each turn of the
 * event loop while few are left, and each second; and before an entrance (listening socket) is opened. A count is left
 * out while those that the last one found free cannot have been used up. Besides, the number of a new connection's
 * descriptor says how many are open at least: the system gives the lowest number that is free.
 */
export class Descriptors {
  readonly #table: DescriptorTable;
  readonly #doors = new Set<Door>();
  /** Descriptors are short when so many are open. */
  #high = Number.POSITIVE_INFINITY;
  #limit = 0;
  #relief: Relief | undefined;
  #threads = 1;
  #hold = HELD;
  #held: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #counter: Pick<DescriptorCount, 'glance' | 'read'> | undefined;
  #short = false;
  #told = false;
  /** Until this time of `performance.now()` they cannot be short. */
  #safeUntil = Number.POSITIVE_INFINITY;
  /** Whether few are left, so that each turn of the event loop brings a look; and whether the next look is set up. */
  #isFew = false;
  #awaitsPoll = false;
  /** How many shortages the threads have found, a counter that they share; and its value as last seen by this one. */
  #shortages: Int32Array<ArrayBufferLike> = new Int32Array(1);
  #heard = 0;
  #spread: () => void = () => undefined;
  /** The last call: the reserve is given to the last clients. */
  #last = false;

  constructor(table: DescriptorTable = SYSTEM) {
    this.#table = table;
  }

  /**
   * For a process with threads, which share its descriptors.
   *
   * @param shortages - the counter of shortages that they share.
   * @param spread - has {@link Descriptors.hear} called in the other threads.
   */
  share(shortages: Int32Array<SharedArrayBuffer>, spread: () => void): void {
    this.#shortages = shortages;
    this.#heard = Atomics.load(shortages, 0);
    this.#spread = spread;
  }

  /**
   * Begins to watch: the worker is about to serve.
   *
   * @param threads - how many of this process serve. Each assumes that the others have as many connections as itself.
   */
  watch(relief: Relief, threads: number): void {
    if (this.#relief) return;
    this.#relief = relief;
    this.#threads = threads;
    const limit = this.#table.limit();
    if (limit === undefined) return;
    this.#limit = limit;
    const used = this.#open();
    const room = limit - used;
    if (room < LEAST_ROOM) {
      relief.warn(
        `only ${Math.max(0, room)} of ${limit} descriptors are left when it begins to serve: raise the limit of open files (ulimit -n, LimitNOFILE=)`,
      );
      return;
    }
    this.#high = limit - Math.min(MOST, Math.max(2, Math.floor(room / SHARE)));
    this.#hold = Math.max(HELD, Math.min(threads, Math.floor(room / SHARE / threads)));
    this.#held = this.#table.hold(this.#hold);
    this.#found(used + this.#held.length, Number.NEGATIVE_INFINITY);
    this.#countIn(PAUSE.idle);
  }

  /** A way in for clients, to be closed when descriptors are short. */
  add(door: Door): void {
    this.#doors.add(door);
    if (this.#short) door.shutFor(true);
  }

  remove(door: Door): void {
    this.#doors.delete(door);
  }

  /** Something has been opened and has got this descriptor. */
  readonly opened = (fd: number): void => {
    if (fd >= this.#high) this.#discover();
  };

  /** To be called when the application has run, until `now` of `performance.now()`, or before a client is let in. */
  look(now: number): void {
    if (now >= this.#safeUntil || Atomics.load(this.#shortages, 0) !== this.#heard) this.#look(now);
  }

  #look(now: number): void {
    if (this.#short || !this.#counter) return;
    if (this.#isTold()) this.#learn();
    else this.#found(this.#counter.glance(), now);
  }

  /** The system could not accept for want of descriptors. */
  ranOut(): void {
    this.#discover();
  }

  /** Another thread may have found that descriptors are short. */
  hear(): void {
    if (!this.#short && this.#isTold()) this.#learn();
  }

  /**
   * For the last call: from now on clients are let in down to the last descriptors. These stay free: to accept without
   * any would lose all clients that wait, including those for which a sibling has room.
   */
  letInLast(): void {
    if (this.#last || this.#high === Number.POSITIVE_INFINITY) return;
    this.#last = true;
    this.#giveBack();
    this.#high = Math.max(this.#high, this.#limit - Math.max(LAST, this.#threads));
    this.#safeUntil = 0;
    if (this.#short) this.#countIn(0);
  }

  /** `used` descriptors were open at the time `now`. */
  #found(used: number, now: number): void {
    const room = this.#high - used;
    if (room <= 0) {
      this.#discover();
      return;
    }
    this.#safeUntil = now + Math.min(LOOK_PAUSE, room / (FASTEST * this.#threads));
    this.#isFew = room < FEW;
    this.#lookAfterPoll();
  }

  #lookAfterPoll(): void {
    if (!this.#isFew || this.#awaitsPoll) return;
    this.#awaitsPoll = true;
    this.#table.afterPoll(this.#onPolled);
  }

  readonly #onPolled = (): void => {
    this.#awaitsPoll = false;
    this.look(performance.now());
    this.#lookAfterPoll();
  };

  /** Whether another thread has found a shortage since the last call. */
  #isTold(): boolean {
    const shortages = Atomics.load(this.#shortages, 0);
    if (shortages === this.#heard) return false;
    this.#heard = shortages;
    return true;
  }

  /** Begins to count. Returns how many are open; the limit, where no descriptor is left to count with. */
  #open(): number {
    try {
      this.#counter = this.#table.counter();
      return this.#counter.read();
    } catch {
      return this.#limit;
    }
  }

  /** This thread has found that descriptors are short. */
  #discover(): void {
    // Nothing is accepted anyway.
    if (this.#short || this.#doors.size === 0) return;
    this.#heard = Atomics.add(this.#shortages, 0, 1) + 1;
    this.#begin();
    this.#spread();
    this.#tell();
  }

  /** Another thread has found that descriptors are short. */
  #learn(): void {
    if (this.#doors.size === 0) return;
    this.#begin();
    this.#tell();
  }

  #begin(): void {
    this.#short = true;
    this.#giveBack();
    for (const door of this.#doors) door.shutFor(true);
    this.#countIn(PAUSE.short);
  }

  /** Closes the descriptors that are held. */
  #giveBack(): void {
    for (const held of this.#held.splice(0)) this.#table.close(held);
  }

  /** Reports a shortage, which may be a leak or not. But what has come with clients is freed when they leave. */
  #tell(): void {
    const { warn, replace } = this.#relief ?? {};
    const used = this.#counter?.read() ?? this.#limit;
    const clients = this.#threads * [...this.#doors].reduce((sum, { connections }) => sum + connections.size, 0);
    // To list them takes one. Another thread may have taken the last one that was just given back.
    const list = this.#table.describe() || 'there is none left to list them with';
    const what = `${used} of ${this.#limit} descriptors are open: ${list}`;
    if (clients >= used / 2) {
      warn?.(`${what}. Most are clients: it accepts no more until some have left, and workerConnections wants more`);
      return;
    }
    if (this.#told) return;
    this.#told = true;
    const message = `it accepts no more, and is to be replaced: ${what}`;
    // A stack that points into this library would tell the user nothing.
    replace?.(Object.assign(new Error(message), { code: SHORTAGE, stack: `Error: ${message}` }));
  }

  #countIn(pause: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const begun = performance.now();
      // A shortage that another thread finds from here on is not covered by this count.
      const heard = Atomics.load(this.#shortages, 0);
      const used = this.#counter?.read() ?? 0;
      const rest = this.#short || this.#isFew ? PAUSE.short : PAUSE.idle;
      this.#countIn(Math.max(rest, (performance.now() - begun) * PATIENCE));
      if (!this.#short) this.#found(used, begun);
      // The shortage ends only with some to spare, so that it does not begin again at once.
      else if (used <= this.#high - Math.max(1, (this.#limit - this.#high) / 2)) this.#end(heard);
    }, pause).unref();
  }

  #end(heard: number): void {
    this.#short = false;
    this.#heard = heard;
    if (!this.#last) this.#held = this.#table.hold(this.#hold);
    this.#safeUntil = 0;
    this.#countIn(PAUSE.short);
    for (const door of this.#doors) door.shutFor(false);
  }
}

/** The one instance of this process, or of this thread. */
export const descriptors: Descriptors = new Descriptors();

/** Whether an error reports that a worker is short of descriptors. */
export function isShortage({ code }: { readonly code?: string }): boolean {
  return code === SHORTAGE;
}

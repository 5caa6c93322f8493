import type { DescriptorCount } from '../../system/descriptors.js';
import { type DescriptorTable, SYSTEM } from './descriptor-table.js';

/** Of what a worker could still open when it begins to serve, a quarter is kept free for what is under way, but no more than so many. */
const SHARE = 4;
const MOST = 64;
/** With less room than that at the beginning, there is nothing to keep: it would be short at once, and so would its replacement. */
const LEAST_ROOM = 8;
/**
 * So many are held open, for when none are left at all: to look what the others are, and to end. Each of several threads holds one for each of them, as far as there
 * is room: until they have heard of a shortage, each may accept one connection more.
 */
const HELD = 2;
/** While the last clients are let in, only so many are kept free. */
const LAST = 2;
/** How often they are counted, whatever happens, and while few are left or they are short; but never for more than a fiftieth of the time. Milliseconds. */
const PAUSE = { idle: 1_000, short: 100 } as const;
const PATIENCE = 50;
/**
 * A look costs a microsecond or two, so there is one in so many milliseconds; sooner where all that are left could be used up by then. In one thread, nothing opens so many
 * in a millisecond: JavaScript comes to 500 to 1,000.
 */
const LOOK_PAUSE = 10;
const FASTEST = 2_500;
/** With fewer than that left, there is a look in each turn of the event loop besides: one callback of the application can use them up. */
const FEW = 1_000;

/** The code of the error that tells of it. */
const SHORTAGE = 'ERR_WORKER_DESCRIPTORS';

/** What lets clients in: an acceptor. */
export interface Door {
  readonly connections: { readonly size: number };
  /** From now on nobody comes in, or they do again. */
  shutFor(shortage: boolean): void;
}

/** What is done about a shortage. */
export interface Relief {
  /** It is no leak: clients' connections take most of them. */
  readonly warn: (message: string) => void;
  /** Something else has taken them, and may keep them: this process is to be replaced. Told once. */
  readonly replace: (error: Error) => void;
}

/**
 * Watches that a worker does not run out of descriptors. libuv, when it has none to accept with, accepts and closes whoever comes, and tells nobody: a
 * worker that leaks would go on to take clients from its siblings, and lose them all. So it stops to accept while some are left.
 *
 * They are counted where the application has run: when its handler returns, when its request ends, in each turn of the event loop where few are left, and each
 * second; and before an entrance is opened. A count may be left out as long as those that were left by the last one cannot have been used up since. Besides, the number of a
 * connection tells how many there are at least: the system gives the lowest that is free.
 */
export class Descriptors {
  readonly #table: DescriptorTable;
  readonly #doors = new Set<Door>();
  /** From this number on they are short. */
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
  /** Until that moment of `performance.now()` they cannot be short. */
  #safeUntil = Number.POSITIVE_INFINITY;
  /** Few are left, so that each turn of the event loop brings a look; and the next one is to. */
  #isFew = false;
  #awaitsPoll = false;
  /** How often a thread of this process has found that they are short; and what this one has heard of. */
  #shortages: Int32Array<ArrayBufferLike> = new Int32Array(1);
  #heard = 0;
  #spread: () => void = () => undefined;
  /** All who wait for this process to end are let in. */
  #last = false;

  constructor(table: DescriptorTable = SYSTEM) {
    this.#table = table;
  }

  /**
   * The threads of this process have the same descriptors.
   *
   * @param shortages - where all of them count.
   * @param spread - has {@link Descriptors.hear} called in the others.
   */
  share(shortages: Int32Array<SharedArrayBuffer>, spread: () => void): void {
    this.#shortages = shortages;
    this.#heard = Atomics.load(shortages, 0);
    this.#spread = spread;
  }

  /**
   * Begins to watch: the worker is about to serve.
   *
   * @param threads - how many threads of this process do the same; to know how many connections the others have, each takes its own for an example.
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

  /** Clients come in here. */
  add(door: Door): void {
    this.#doors.add(door);
    if (this.#short) door.shutFor(true);
  }

  remove(door: Door): void {
    this.#doors.delete(door);
  }

  /** Something has been opened, by this number. */
  readonly opened = (fd: number): void => {
    if (fd >= this.#high) this.#discover();
  };

  /** The application has run, until this moment of `performance.now()`; or somebody is to be let in. */
  look(now: number): void {
    if (now >= this.#safeUntil || Atomics.load(this.#shortages, 0) !== this.#heard) this.#look(now);
  }

  #look(now: number): void {
    if (this.#short || !this.#counter) return;
    if (this.#isTold()) this.#learn();
    else this.#found(this.#counter.glance(), now);
  }

  /** The system has refused to accept because there are none. */
  ranOut(): void {
    this.#discover();
  }

  /** Another thread may have found that they are short. */
  hear(): void {
    if (!this.#short && this.#isTold()) this.#learn();
  }

  /**
   * From now on the last clients are let in, down to the last descriptors: what is kept for others is theirs. To accept without any would lose all that wait, also those
   * whom a sibling has room for.
   */
  letInLast(): void {
    if (this.#last || this.#high === Number.POSITIVE_INFINITY) return;
    this.#last = true;
    this.#giveBack();
    this.#high = Math.max(this.#high, this.#limit - Math.max(LAST, this.#threads));
    this.#safeUntil = 0;
    if (this.#short) this.#countIn(0);
  }

  /** So many were open at that moment. */
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

  #isTold(): boolean {
    const shortages = Atomics.load(this.#shortages, 0);
    if (shortages === this.#heard) return false;
    this.#heard = shortages;
    return true;
  }

  /** Begins to count. Returns how many are open; as many as may be where there is none left to count with. */
  #open(): number {
    try {
      this.#counter = this.#table.counter();
      return this.#counter.read();
    } catch {
      return this.#limit;
    }
  }

  /** This thread has found that they are short. */
  #discover(): void {
    // It accepts no more anyway.
    if (this.#short || this.#doors.size === 0) return;
    this.#heard = Atomics.add(this.#shortages, 0, 1) + 1;
    this.#begin();
    this.#spread();
    this.#tell();
  }

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

  #giveBack(): void {
    for (const held of this.#held.splice(0)) this.#table.close(held);
  }

  /** Whether it is a leak is not known; but what has come with the clients goes with them. */
  #tell(): void {
    const { warn, replace } = this.#relief ?? {};
    const used = this.#counter?.read() ?? this.#limit;
    const clients = this.#threads * [...this.#doors].reduce((sum, { connections }) => sum + connections.size, 0);
    const what = `${used} of ${this.#limit} descriptors are open: ${this.#table.describe()}`;
    if (clients >= used / 2) {
      warn?.(`${what}. Most are clients: it accepts no more until some have left, and workerConnections wants more`);
      return;
    }
    if (this.#told) return;
    this.#told = true;
    const message = `it accepts no more, and is to be replaced: ${what}`;
    // Where in this library it was found out tells nobody anything.
    replace?.(Object.assign(new Error(message), { code: SHORTAGE, stack: `Error: ${message}` }));
  }

  #countIn(pause: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const begun = performance.now();
      // What another thread finds from here on is none of what is counted.
      const heard = Atomics.load(this.#shortages, 0);
      const used = this.#counter?.read() ?? 0;
      const rest = this.#short || this.#isFew ? PAUSE.short : PAUSE.idle;
      this.#countIn(Math.max(rest, (performance.now() - begun) * PATIENCE));
      if (!this.#short) this.#found(used, begun);
      // With some to spare, so that it does not go back and forth.
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

/** Of this process, or this thread. */
export const descriptors: Descriptors = new Descriptors();

/** Whether an error is that of a worker without descriptors. */
export function isShortage({ code }: { readonly code?: string }): boolean {
  return code === SHORTAGE;
}

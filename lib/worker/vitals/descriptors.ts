import { closeSync } from 'node:fs';
import { DescriptorCount, describeDescriptors, descriptorLimit, holdDescriptors } from '../../system/descriptors.js';

/** Of what a worker could still open when it begins to serve, a quarter is kept free for what is under way, but no more than so many. */
const SHARE = 4;
const MOST = 64;
/** With less room than that at the beginning, there is nothing to keep: it would be short at once, and so would its replacement. */
const LEAST_ROOM = 8;
/** So many are held open, for when none are left at all: to look what the others are, and to end. */
const HELD = 2;
/** How often they are counted, whatever happens, and while they are short; but never for more than a fiftieth of the time. Milliseconds. */
const PAUSE = { idle: 1_000, short: 100 } as const;
const PATIENCE = 50;
/** A look costs a microsecond or two: where requests bring it, there is one in so much time on average, and no more than so many at once. Milliseconds. */
const LOOK_PAUSE = 1;
const CREDIT = 10;

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

/** The system, as far as it is asked here. */
export interface DescriptorTable {
  /** How many there may be; undefined where nobody knows. */
  readonly limit: () => number | undefined;
  readonly counter: () => Pick<DescriptorCount, 'glance' | 'read'>;
  readonly describe: () => string;
  readonly hold: (count: number) => number[];
  readonly close: (fd: number) => void;
}

const SYSTEM: DescriptorTable = {
  limit: descriptorLimit,
  counter: () => new DescriptorCount(),
  describe: describeDescriptors,
  hold: holdDescriptors,
  close: closeSync,
};

/**
 * Watches that a worker does not run out of descriptors. libuv, when it has none to accept with, accepts and closes whoever comes, and tells nobody: a
 * worker that leaks would go on to take clients from its siblings, and lose them all. So it stops to accept while some are left.
 *
 * They are counted at the ends of requests, which is cheap, and once a second. Between two counts, the number of a connection tells how many there are at least: the system
 * gives the lowest that is free.
 */
export class Descriptors {
  readonly #table: DescriptorTable;
  readonly #doors = new Set<Door>();
  /** From this number on they are short. */
  #high = Number.POSITIVE_INFINITY;
  #limit = 0;
  #relief: Relief | undefined;
  #threads = 1;
  #held: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #counter: Pick<DescriptorCount, 'glance' | 'read'> | undefined;
  #short = false;
  #told = false;
  /** Not before that does the end of a request bring a look, of `performance.now()`; one is due then. */
  #nextLook = 0;
  #due = false;
  readonly #follow = setTimeout(() => this.#lookLate(), LOOK_PAUSE).unref();

  constructor(table: DescriptorTable = SYSTEM) {
    this.#table = table;
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
    const room = limit - this.#open();
    if (room < LEAST_ROOM) {
      relief.warn(
        `only ${Math.max(0, room)} of ${limit} descriptors are left when it begins to serve: raise the limit of open files (ulimit -n, LimitNOFILE=)`,
      );
      return;
    }
    this.#high = limit - Math.min(MOST, Math.max(2, Math.floor(room / SHARE)));
    this.#held = this.#table.hold(HELD);
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
    if (fd >= this.#high && !this.#short) this.#begin();
  };

  /** A request has ended, at this moment of `performance.now()`. */
  look(now: number): void {
    if (now < this.#nextLook) {
      if (this.#due) return;
      this.#due = true;
      this.#follow.refresh();
      return;
    }
    this.#look(now);
  }

  #look(now: number): void {
    this.#nextLook = Math.max(this.#nextLook, now - CREDIT) + LOOK_PAUSE;
    if (!this.#short && this.#counter) this.opened(this.#counter.glance());
  }

  /** The system has refused to accept because there are none; or another thread has found that they are short. */
  ranOut(): void {
    if (!this.#short) this.#begin();
  }

  #lookLate(): void {
    if (!this.#due) return;
    this.#due = false;
    this.#look(performance.now());
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

  #begin(): void {
    // It accepts no more anyway.
    if (this.#doors.size === 0) return;
    this.#short = true;
    for (const door of this.#doors) door.shutFor(true);
    for (const held of this.#held.splice(0)) this.#table.close(held);
    this.#countIn(PAUSE.short);
    this.#tell();
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
      const used = this.#counter?.read() ?? 0;
      const rest = Math.max(this.#short ? PAUSE.short : PAUSE.idle, (performance.now() - begun) * PATIENCE);
      this.#countIn(rest);
      if (!this.#short) this.opened(used);
      // With some to spare, so that it does not go back and forth.
      else if (used <= this.#high - Math.max(1, (this.#limit - this.#high) / 2)) this.#end();
    }, pause).unref();
  }

  #end(): void {
    this.#short = false;
    this.#held = this.#table.hold(HELD);
    this.#countIn(PAUSE.idle);
    for (const door of this.#doors) door.shutFor(false);
  }
}

/** Of this process, or this thread. */
export const descriptors: Descriptors = new Descriptors();

/** Whether an error is that of a worker without descriptors. */
export function isShortage({ code }: { readonly code?: string }): boolean {
  return code === SHORTAGE;
}

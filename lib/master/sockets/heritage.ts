import { Socket } from 'node:net';
import { files } from '../../system/files.js';
import { system } from '../../system/system.js';
import { once } from '../common/once.js';
import { readLines } from '../common/read-lines.js';

/**
 * What a process that is to succeed another one gets from it, see `succession.ts`: descriptors of the listening sockets, and a
 * line to it. The predecessor names them in one variable of the environment.
 */
export const HERITAGE_VARIABLE = 'PREFORK_HERITAGE';
/** The descriptor of the line, and of the first socket. */
export const LINE_FD = 3;
export const FIRST_SOCKET_FD = 4;

/** How long a script may take from when one Arbiter serves to the start of the next, when there are as many as before already. Milliseconds. */
const LAST_START = 1_000;

/** A socket that was inherited. */
export interface Heirloom {
  readonly fd: number;
  /** Of a Unix socket that the predecessor created: this process removes it in the end. */
  readonly path?: string;
  /** The predecessor has not opened it either. */
  readonly foreign: boolean;
}

/** The sockets, by the Arbiter and the address in `bind` that each is for. */
export interface Bequest {
  readonly predecessor: number;
  /** How many Arbiters it has. */
  readonly arbiters: number;
  /** Whether its ticket keys are the first that it says on the line; absent in one of an earlier version. */
  readonly tickets?: boolean;
  readonly sockets: readonly (Heirloom & { readonly name: string; readonly bind: string })[];
  /** What it waits for: all that has to be served; absent in one of an earlier version. */
  readonly duties?: readonly string[];
}

/** Keys of TLS session tickets. They go over the line: what stands in an environment can be read by others. */
export interface TicketNews {
  /** What they are for, see `ticketKeysFor()`. */
  readonly purpose: string;
  /** In base64. */
  readonly keys: string;
  /** When they were made, of `monotonic()`. */
  readonly since: number;
}

/**
 * What the processes tell each other, each as a line of JSON. The successor: one of its duties that it does, or why it never will. Both: a duty
 * that they are about to give up, and which ticket keys they use.
 */
export interface News {
  readonly serves: string;
  readonly fails: string;
  readonly leaves: string;
  readonly tickets: readonly Partial<TicketNews>[];
}

/** It may be of another version of this library: what is of another type is left out. */
export function newsIn(line: string): Partial<News> {
  let said: { readonly [Name in keyof News]?: unknown };
  try {
    said = Object(JSON.parse(line));
  } catch {
    return {};
  }
  const { serves, fails, leaves, tickets } = said;
  return {
    ...(typeof serves === 'string' && { serves }),
    ...(typeof fails === 'string' && { fails }),
    ...(typeof leaves === 'string' && { leaves }),
    ...(Array.isArray(tickets) && { tickets }),
  };
}

export function newsLine(news: Partial<News>): string {
  return `${JSON.stringify(news)}\n`;
}

/** What is told of the start of an Arbiter. */
export interface Starting {
  /** What it has bound. */
  bound(binds: readonly string[]): void;
  /** It serves, or never will; may be said again. */
  over(): void;
}

/** The successor's side of an upgrade. */
export class Heritage {
  readonly predecessor: number;
  /** What the predecessor is about to give up. */
  readonly left: ReadonlySet<string>;
  readonly #line = new Socket({ fd: LINE_FD });
  readonly #arbiters: number;
  #sockets: Bequest['sockets'];
  /** What the predecessor still waits for, as it counts it itself. */
  readonly #missing: string[];
  /** What the Arbiters of this process have bound, and how many of them are starting. */
  readonly #bound: (readonly string[])[] = [];
  #starting = 0;
  #alone = false;
  #onTickets: (news: News['tickets']) => void = (news) => this.#tickets.push(...news);
  /** What has been told before anybody asked: an Arbiter that has not been started does not. */
  readonly #tickets: Partial<TicketNews>[] = [];
  /** Its first ticket keys have come, or none will. */
  readonly #ticketsCame: Promise<void>;

  constructor({ predecessor, arbiters, tickets = false, sockets, duties }: Bequest) {
    this.predecessor = predecessor;
    // One of an earlier version does not say so.
    this.#arbiters = arbiters ?? Number.POSITIVE_INFINITY;
    this.#sockets = sockets;
    this.#missing = [...(duties ?? sockets.map(({ bind }) => bind))];
    this.#line.on('error', () => undefined);
    const left = new Set<string>();
    this.left = left;
    let came = (): void => undefined;
    this.#ticketsCame = tickets ? new Promise((resolve) => (came = resolve)) : Promise.resolve();
    readLines(this.#line, (line) => {
      const { leaves, tickets: told } = newsIn(line);
      if (leaves !== undefined) left.add(leaves);
      if (told === undefined) return;
      this.#onTickets(told);
      came();
    });
    this.#line.on('close', () => {
      this.#alone = true;
      came();
    });
    // It must not keep a host alive.
    this.#line.unref();
  }

  /** Whether the predecessor is gone. */
  get alone(): boolean {
    return this.#alone;
  }

  /** Whether there are sockets for an address that nobody has taken yet. */
  holds(bind: string): boolean {
    return this.#sockets.some((socket) => socket.bind === bind);
  }

  /** The sockets for an address of an Arbiter, once. */
  take(name: string, bind: string): Heirloom[] {
    const fitting = this.#sockets.filter((socket) => socket.bind === bind);
    const named = fitting.filter((socket) => socket.name === name);
    // A new release may have other names.
    const own = named.length > 0 ? named : fitting;
    // Of several of one address, as with port 0, each takes the next; all that a service manager passed belong together.
    const taken = own.every(({ foreign }) => foreign) ? own : own.slice(0, 1);
    this.#sockets = this.#sockets.filter((socket) => !taken.includes(socket));
    return taken;
  }

  /** An Arbiter begins to start. */
  start(): Starting {
    this.#starting++;
    return {
      bound: (binds) => {
        this.#bound.push(binds);
      },
      over: once(() => {
        this.#starting--;
        const { length } = this.#bound;
        // The script may wait for this one, and start another one then.
        if (this.#misses) setTimeout(() => this.#bound.length === length && this.#tellMissing(), LAST_START).unref();
      }),
    };
  }

  /** Whether as many Arbiters have started as the predecessor has, and some of its sockets are left. */
  get #misses(): boolean {
    return this.#starting === 0 && this.#bound.length >= this.#arbiters && this.#sockets.length > 0;
  }

  #tellMissing(): void {
    if (!this.#misses) return;
    const left = this.#sockets.map(({ bind }) => bind).join(', ');
    const instead = this.#bound.flat().join(', ') || 'nothing';
    this.#tell({ fails: `it binds ${instead}, and not ${left}; to give up an address takes a restart` });
  }

  /** Calls back with the ticket keys of the predecessor, each time that it tells of some, and with those that it has told of by now. */
  onTickets(act: (news: News['tickets']) => void): void {
    this.#onTickets = act;
    if (this.#tickets.length > 0) act(this.#tickets.splice(0));
  }

  /** Resolves when it has told of the first, or will not. */
  async ticketsHeard(): Promise<void> {
    if (!this.#alone) this.#line.ref();
    await this.#ticketsCame;
    this.#line.unref();
  }

  /** Tells the predecessor which ticket keys are used here. */
  tellTickets(tickets: News['tickets']): void {
    this.#tell({ tickets });
  }

  /** Tells the predecessor what is served. */
  serve(duties: readonly string[]): void {
    for (const serves of duties) {
      const index = this.#missing.indexOf(serves);
      if (index !== -1) this.#missing.splice(index, 1);
      this.#tell({ serves });
    }
  }

  /** Tells the predecessor what soon will not be. */
  leave(duties: readonly string[]): void {
    for (const leaves of duties) this.#tell({ leaves });
  }

  /** Tells the predecessor why an Arbiter does not serve. Returns whether it waits for this process, and tells it to end now. */
  fail(name: string, { message }: Error): boolean {
    this.#tell({ fails: `its Arbiter '${name}' failed to start: ${message}` });
    return !this.#alone && this.#missing.length > 0;
  }

  /** Calls back once the predecessor has stopped, or died; at once if it has. */
  onAlone(act: () => void): void {
    if (this.#alone) act();
    else this.#line.once('close', act);
  }

  #tell(news: Partial<News>): void {
    // By its end, the descriptor may be another file's.
    if (!this.#line.destroyed) system.write(this.#line, newsLine(news));
  }
}

function receive(env: NodeJS.ProcessEnv): Heritage | undefined {
  const text = env[HERITAGE_VARIABLE];
  if (text === undefined) return undefined;
  // What this process starts is no successor.
  delete env[HERITAGE_VARIABLE];
  return isSocket(LINE_FD) ? new Heritage(JSON.parse(text) as Bequest) : undefined;
}

/** A child of a successor may have got the variable, if it was started before this was loaded; it has got no descriptors. */
function isSocket(fd: number): boolean {
  try {
    return files.fstatSync(fd, { bigint: true }).isSocket();
  } catch {
    return false;
  }
}

/** What this process has inherited; undefined where it has no predecessor. */
export const heritage: Heritage | undefined = receive(process.env);

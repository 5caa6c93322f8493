import { Socket } from 'node:net';
import { files } from '../../system/files.js';
import { system } from '../../system/system.js';
import { once } from '../common/once.js';
import { readLines } from '../common/read-lines.js';

/**
 * The environment variable by which a predecessor tells its successor what it hands down, see `succession.ts`: the
 * descriptors of the listening sockets, and that of a line (a socket pair) to itself.
 */
export const HERITAGE_VARIABLE = 'PREFORK_HERITAGE';
/** The descriptor of the line, and of the first socket. */
export const LINE_FD = 3;
export const FIRST_SOCKET_FD = 4;

/**
 * How long the host's script may take from when one Arbiter serves to the start of the next, when as many have started
 * already as the predecessor had. Milliseconds.
 */
const LAST_START = 1_000;

/** A socket that was inherited. */
export interface Heirloom {
  readonly fd: number;
  /** The path of a Unix socket that the predecessor created: this process removes the file in the end. */
  readonly path?: string;
  /** Somebody else has opened it, not the predecessor: a service manager, for example. */
  readonly foreign: boolean;
}

/** What the predecessor hands down. Each socket comes with the Arbiter, and the address in `bind`, that it is for. */
export interface Bequest {
  readonly predecessor: number;
  /** How many of the predecessor's Arbiters are to be succeeded. An earlier version of this library does not say. */
  readonly arbiters: number;
  /** Whether the predecessor begins with its ticket keys on the line. An earlier version does not say. */
  readonly tickets?: boolean;
  readonly sockets: readonly (Heirloom & { readonly name: string; readonly bind: string })[];
  /** What the predecessor waits for: all that has to be served. An earlier version does not say. */
  readonly duties?: readonly string[];
}

/** Keys of TLS session tickets. They go over the line, since others can read what stands in an environment. */
export interface TicketNews {
  /** What they are for, see `ticketKeysFor()`. */
  readonly purpose: string;
  /** In base64. */
  readonly keys: string;
  /** When they were made, on the clock of `monotonic()`. */
  readonly since: number;
}

/**
 * What the two processes tell each other on the line, each as a line of JSON. The successor tells which of its duties
 * it serves now, or why it never will. Both tell which socket they are about to give up, and which ticket keys they
 * use.
 */
export interface News {
  readonly serves: string;
  readonly fails: string;
  readonly leaves: string;
  /**
   * Which socket of that name, since each Arbiter may have one: its descriptor in the successor, as in the bequest. An
   * earlier version does not say.
   */
  readonly socket: number;
  readonly tickets: readonly Partial<TicketNews>[];
}

/** Reads such a line. It may come from another version of this library, so a field of another type is left out. */
export function newsIn(line: string): Partial<News> {
  let said: { readonly [Name in keyof News]?: unknown };
  try {
    said = Object(JSON.parse(line));
  } catch {
    return {};
  }
  const { serves, fails, leaves, socket, tickets } = said;
  return {
    ...(typeof serves === 'string' && { serves }),
    ...(typeof fails === 'string' && { fails }),
    ...(typeof leaves === 'string' && { leaves }),
    ...(typeof socket === 'number' && { socket }),
    ...(Array.isArray(tickets) && { tickets }),
  };
}

export function newsLine(news: Partial<News>): string {
  return `${JSON.stringify(news)}\n`;
}

/** The sockets that the other process is about to give up. */
export class Left {
  /** Descriptors in the successor; addresses where the other process has said no more. */
  readonly #sockets = new Set<number | string>();

  hear({ leaves, socket }: Partial<News>): void {
    if (leaves !== undefined) this.#sockets.add(socket ?? leaves);
  }

  has(bind: string, socket: number): boolean {
    return this.#sockets.has(socket) || this.#sockets.has(bind);
  }
}

/** What an Arbiter tells of its start. */
export interface Starting {
  /** What it has bound. */
  bound(binds: readonly string[]): void;
  /** The Arbiter serves, or never will. May be called again. */
  over(): void;
}

/** The successor's side of an upgrade. */
export class Heritage {
  readonly predecessor: number;
  /** The sockets that the predecessor is about to give up. */
  readonly left: Left = new Left();
  readonly #line = new Socket({ fd: LINE_FD });
  readonly #arbiters: number;
  #sockets: Bequest['sockets'];
  /** The duties that the predecessor still waits for, counted here as it counts them itself. */
  readonly #missing: string[];
  /** What the Arbiters of this process have bound, and how many Arbiters are starting. */
  readonly #bound: (readonly string[])[] = [];
  #starting = 0;
  #alone = false;
  #onTickets: (news: News['tickets']) => void = (news) => this.#tickets.push(...news);
  /** Ticket keys that came before `onTickets` was called. An Arbiter that has not been started does not call it. */
  readonly #tickets: Partial<TicketNews>[] = [];
  /** Resolves when the first ticket keys of the predecessor have come, or none will. */
  readonly #ticketsCame: Promise<void>;

  constructor({ predecessor, arbiters, tickets = false, sockets, duties }: Bequest) {
    this.predecessor = predecessor;
    // A predecessor of an earlier version does not say how many it has.
    this.#arbiters = arbiters ?? Number.POSITIVE_INFINITY;
    this.#sockets = sockets;
    this.#missing = [...(duties ?? sockets.map(({ bind }) => bind))];
    this.#line.on('error', () => undefined);
    let came = (): void => undefined;
    this.#ticketsCame = tickets ? new Promise((resolve) => (came = resolve)) : Promise.resolve();
    readLines(this.#line, (line) => {
      const news = newsIn(line);
      const { tickets: told } = news;
      this.left.hear(news);
      if (told === undefined) return;
      this.#onTickets(told);
      came();
    });
    this.#line.on('close', () => {
      this.#alone = true;
      came();
    });
    // The line must not keep a host alive.
    this.#line.unref();
  }

  /** Whether the predecessor is gone. */
  get alone(): boolean {
    return this.#alone;
  }

  /** Whether there are sockets for an address that no Arbiter has taken yet. */
  holds(bind: string): boolean {
    return this.#sockets.some((socket) => socket.bind === bind);
  }

  /** Takes the sockets for an address of an Arbiter. Each socket is given only once. */
  take(name: string, bind: string): Heirloom[] {
    const fitting = this.#sockets.filter((socket) => socket.bind === bind);
    const named = fitting.filter((socket) => socket.name === name);
    // A new release may name its Arbiters otherwise.
    const own = named.length > 0 ? named : fitting;
    // Of several sockets for one address (port 0), each call takes the next. All that a service manager passed belong
    // together.
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
        // The host's script may have waited for this Arbiter, and start another one now.
        if (this.#misses) setTimeout(() => this.#bound.length === length && this.#tellMissing(), LAST_START).unref();
      }),
    };
  }

  /** Whether as many Arbiters have started as the predecessor had, none is starting, and some sockets are left. */
  get #misses(): boolean {
    return this.#starting === 0 && this.#bound.length >= this.#arbiters && this.#sockets.length > 0;
  }

  #tellMissing(): void {
    if (!this.#misses) return;
    const left = this.#sockets.map(({ bind }) => bind).join(', ');
    const instead = this.#bound.flat().join(', ') || 'nothing';
    this.#tell({ fails: `it binds ${instead}, and not ${left}; to give up an address takes a restart` });
  }

  /**
   * Calls back with the ticket keys that the predecessor has told of by now, and then each time that it tells of some.
   */
  onTickets(act: (news: News['tickets']) => void): void {
    this.#onTickets = act;
    if (this.#tickets.length > 0) act(this.#tickets.splice(0));
  }

  /**
   * Resolves when the predecessor has told of its first ticket keys, or never will. Keeps the process alive until then.
   */
  async ticketsHeard(): Promise<void> {
    if (!this.#alone) this.#line.ref();
    await this.#ticketsCame;
    this.#line.unref();
  }

  /** Tells the predecessor which ticket keys are used here. */
  tellTickets(tickets: News['tickets']): void {
    this.#tell({ tickets });
  }

  /** Tells the predecessor which duties are served now. */
  serve(duties: readonly string[]): void {
    for (const serves of duties) {
      const index = this.#missing.indexOf(serves);
      if (index !== -1) this.#missing.splice(index, 1);
      this.#tell({ serves });
    }
  }

  /** Tells the predecessor that this process is about to give up a socket that it has inherited. */
  leave(leaves: string, socket: number): void {
    this.#tell({ leaves, socket });
  }

  /**
   * Tells the predecessor why an Arbiter does not serve. Returns whether the predecessor still waits for this process;
   * if so, it tells this process to end now.
   */
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
    // Once the line has closed, its descriptor may be another file's.
    if (!this.#line.destroyed) system.write(this.#line, newsLine(news));
  }
}

function receive(env: NodeJS.ProcessEnv): Heritage | undefined {
  const text = env[HERITAGE_VARIABLE];
  if (text === undefined) return undefined;
  // Removed, since a process that this one starts is no successor.
  delete env[HERITAGE_VARIABLE];
  return isSocket(LINE_FD) ? new Heritage(JSON.parse(text) as Bequest) : undefined;
}

/**
 * Whether the descriptor is a socket. A child of a successor may have got the variable, if it was started before this
 * module was loaded. It has got no descriptors.
 */
function isSocket(fd: number): boolean {
  try {
    return files.fstatSync(fd, { bigint: true }).isSocket();
  } catch {
    return false;
  }
}

/** What this process has inherited; undefined where it has no predecessor. */
export const heritage: Heritage | undefined = receive(process.env);

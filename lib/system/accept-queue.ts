import { closeQuietly, files } from './files.js';

/** The kernel's table in /proc/net that lists a listening socket. */
export type Table = 'tcp' | 'tcp6' | 'unix';

/** Reads so many bytes of a table, or fewer; an empty string at its end. */
export type Pull = (bytes: number) => string;

/**
 * How many connections wait to be accepted, by the inode of the listening socket. Sockets of which the table does not
 * tell this are missing.
 */
export type Waiting = ReadonlyMap<number, number>;

/**
 * How long a table is not read again after a read, in milliseconds for each byte read. A row in the table of Unix
 * sockets costs about 0.6 µs, and there is one for each end of each connection. So this is half a percent of a CPU,
 * however many there are.
 */
const REST = 0.002;

/** The inode is within this many bytes of a row; a row is longer. */
const WITH_INODE = { tcp: 110, tcp6: 160 } as const;
/** How many bytes to read at a time where the number does not matter. */
const PIECE = 48;
const LISTENING = '0A';

/** The accept queues of listening sockets in one of the tables. Linux alone has these tables. */
export class QueueTable {
  readonly #table: Table;
  readonly #inodes: ReadonlySet<number>;
  #waiting: Waiting = new Map();
  #due = 0;

  constructor(table: Table, inodes: Iterable<number>) {
    this.#table = table;
    this.#inodes = new Set(inodes);
  }

  /** @param now - milliseconds. Returns the result of the last read where it is too early for another. */
  read(now: number): Waiting {
    if (now < this.#due) return this.#waiting;
    let bytes = 0;
    this.#waiting = withTable(this.#table, (pull) => {
      const counted: Pull = (most) => {
        const text = pull(most);
        bytes += text.length;
        return text;
      };
      return this.#table === 'unix'
        ? waitingAtPaths(counted, this.#inodes)
        : waitingAtPorts(this.#table, counted, this.#inodes);
    });
    this.#due = now + bytes * REST;
    return this.#waiting;
  }
}

/**
 * proc(5): for a listening socket, `rx_queue` is the number of connections that wait. Listening sockets come first in
 * the table, and the kernel makes no more of the table than is asked for. So it is asked for one row after the other.
 * Behind the last of our sockets, there may be 100,000 connections, and to look for the first of them in the empty
 * table of a large machine takes 4 ms, against 0.05.
 */
export function waitingAtPorts(table: 'tcp' | 'tcp6', pull: Pull, inodes: ReadonlySet<number>): Waiting {
  const found = new Map<number, number>();
  let text = '';
  const more = (bytes: number): boolean => {
    const piece = pull(bytes);
    text += piece;
    return piece !== '';
  };
  while (found.size < inodes.size) {
    // The header, or the rest of the row before.
    while (!text.includes('\n')) if (!more(PIECE)) return found;
    text = text.slice(text.indexOf('\n') + 1);
    while (text.length < WITH_INODE[table]) if (!more(WITH_INODE[table] - text.length)) return found;
    const [, , , state, queues = '', , , , , inode] = text.trimStart().split(/ +/);
    if (state !== LISTENING) return found;
    if (inodes.has(Number(inode))) found.set(Number(inode), Number.parseInt(queues.slice(queues.indexOf(':') + 1), 16));
  }
  return found;
}

/** Columns of a row, counted from the colon that ends the first: `: RefCount Protocol Flags Type St Inode Path`. */
const FLAGS = 20;
const STATE = 34;
const INODE = 37;
const ACCEPTS = '00010000';
/** Connected, but without a file yet: nobody has accepted it. */
const EMBRYO = '02     0 ';

/**
 * A Unix connection that waits to be accepted is in the table already, with the name of the listening socket and
 * without an inode. So the whole table is read. Two listening sockets may have the same name: the file of one was
 * renamed, or is in another root folder. Then nobody knows whose the waiting connections are, and both sockets are left
 * out.
 */
export function waitingAtPaths(pull: Pull, inodes: ReadonlySet<number>): Waiting {
  const listening: { inode: number; path: string }[] = [];
  const waiting = new Map<string, number>();
  const onRow = (row: string): void => {
    const colon = row.indexOf(':');
    if (row.startsWith(EMBRYO, colon + STATE)) {
      const path = row.slice(colon + STATE + EMBRYO.length);
      waiting.set(path, (waiting.get(path) ?? 0) + 1);
    } else if (row.startsWith(ACCEPTS, colon + FLAGS)) {
      const [, inode, path] = /^ *(\d+) (.+)$/.exec(row.slice(colon + INODE)) ?? [];
      if (path !== undefined) listening.push({ inode: Number(inode), path });
    }
  };
  let rest = '';
  for (let piece = pull(PAGES); piece !== ''; piece = pull(PAGES)) {
    const rows = (rest + piece).split('\n');
    rest = rows.pop() ?? '';
    for (const row of rows) onRow(row);
  }
  const found = new Map<number, number>();
  for (const { inode, path } of listening) {
    const alone = listening.filter((other) => other.path === path).length === 1;
    if (alone && inodes.has(inode)) found.set(inode, waiting.get(path) ?? 0);
  }
  return found;
}

/** Bytes of a read; the kernel gives a page at a time. */
const PAGES = 16_384;

function withTable(table: Table, read: (pull: Pull) => Waiting): Waiting {
  let fd: number | undefined;
  try {
    const open = files.openSync(`/proc/net/${table}`, 'r');
    fd = open;
    const buffer = Buffer.allocUnsafe(PAGES);
    return read((bytes) => buffer.toString('latin1', 0, files.readSync(open, buffer, 0, bytes, null)));
  } catch {
    return new Map();
  } finally {
    if (fd !== undefined) closeQuietly(fd);
  }
}

/**
 * How many connections wait at most when `asked` were asked for: listen(2) cuts that to `net.core.somaxconn`, without a
 * word. Undefined where the system does not tell.
 */
export function effectiveBacklog(asked: number): number | undefined {
  try {
    const most = Number.parseInt(files.readFileSync('/proc/sys/net/core/somaxconn', 'latin1'), 10);
    return Number.isNaN(most) ? undefined : Math.min(asked, most);
  } catch {
    return undefined;
  }
}

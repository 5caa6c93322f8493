import { monotonic } from '../../monotonic.js';
import { effectiveBacklog, QueueTable, type Table, type Waiting } from '../../system/accept-queue.js';
import { files } from '../../system/files.js';
import type { BoundAddress, Listener } from '../sockets/listener.js';
import { type Level, nextLevel, type QueueStats } from '../sockets/queue-level.js';
import type { Notifier } from '../tell/notify.js';

/** How often the queues are looked at, milliseconds. */
export const LOOK_INTERVAL = 1_000;
interface Queue {
  readonly address: BoundAddress;
  readonly inode: number | undefined;
  readonly table: QueueTable;
  level: Level;
  /** What the table said at the last look. */
  seen: Waiting | undefined;
}

/** The accept queues of all addresses of an Arbiter. */
export class Queues {
  readonly #queues: readonly Queue[];
  readonly #asked: number;
  readonly #notifier: Notifier;
  #backlog: number | undefined;

  constructor(listeners: readonly Pick<Listener, 'fd' | 'address'>[], asked: number, notifier: Notifier) {
    this.#asked = asked;
    this.#notifier = notifier;
    this.#backlog = effectiveBacklog(asked);
    // Inodes, since the descriptors may be closed, and be something else's, while the queues are still asked for.
    const found = listeners.map(({ fd, address }) => ({ address, inode: inodeOf(fd), table: tableOf(address) }));
    const inodesIn = (table: Table): number[] =>
      found.flatMap((queue) => (queue.table === table && queue.inode !== undefined ? [queue.inode] : []));
    const tables = new Map<Table, QueueTable>();
    for (const { table } of found) {
      if (!tables.has(table)) tables.set(table, new QueueTable(table, inodesIn(table)));
    }
    this.#queues = found.map(({ address, inode, table }) => {
      return {
        address,
        inode,
        table: tables.get(table) as QueueTable,
        level: { high: false, looks: 0 },
        seen: undefined,
      };
    });
  }

  /** How many connections wait now, or did a moment ago where there are many sockets. In the order of the listeners. */
  stats(): QueueStats[] {
    const now = monotonic();
    return this.#queues.map(({ address, inode, table }) => {
      return { address, waiting: waitingIn(table.read(now), inode), backlog: this.#backlog };
    });
  }

  /** Reads the limit of the backlog again. The one that counts was in force when a worker listened last. */
  measure(): void {
    this.#backlog = effectiveBacklog(this.#asked);
  }

  /** Tells that the system allows a smaller backlog than it was asked for. */
  tellCut(): void {
    const backlog = this.#backlog;
    if (this.#queues.length === 0 || backlog === undefined || backlog >= this.#asked) return;
    this.#notifier.emit('queue:cut', { asked: this.#asked, backlog });
  }

  /** Tells which queues have become high, and which are normal again. */
  look(): void {
    const now = monotonic();
    for (const queue of this.#queues) {
      const { address, inode, table, level } = queue;
      const seen = table.read(now);
      const waiting = waitingIn(seen, inode);
      // A result that was seen before is not another look.
      if (seen === queue.seen || waiting === undefined || this.#backlog === undefined) continue;
      queue.seen = seen;
      queue.level = nextLevel(level, waiting, this.#backlog);
      if (queue.level.high === level.high) continue;
      this.#notifier.emit(level.high ? 'queue:normal' : 'queue:high', { address, waiting, backlog: this.#backlog });
    }
  }
}

/** Looks after the queues until the Arbiter is told to stop: from then on its workers empty them. */
export function watchQueues(listeners: readonly Listener[], asked: number, notifier: Notifier): Queues {
  const queues = new Queues(listeners, asked, notifier);
  queues.tellCut();
  if (process.platform !== 'linux' || listeners.length === 0) return queues;
  const timer = setInterval(() => queues.look(), LOOK_INTERVAL).unref();
  notifier.observe((event) => {
    if (event === 'worker:ready') queues.measure();
    else if (event === 'stop' || event === 'stopped') clearInterval(timer);
  });
  return queues;
}

function waitingIn(waiting: Waiting, inode: number | undefined): number | undefined {
  return inode === undefined ? undefined : waiting.get(inode);
}

function tableOf(address: BoundAddress): Table {
  // An inherited socket without a name is no TCP socket.
  if (typeof address === 'string') return 'unix';
  return address.family === 'IPv6' ? 'tcp6' : 'tcp';
}

function inodeOf(fd: number): number | undefined {
  try {
    return Number(files.fstatSync(fd, { bigint: true }).ino);
  } catch {
    return undefined;
  }
}

import { closeSync, fstatSync, opendirSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Of a table that is longer, the rest is not looked at: a worker that has a million open must not stand still for it. */
const MAX_LISTED = 10_000;
const FOLDER = '/proc/self/fd';

/** How many descriptors this process may have, RLIMIT_NOFILE; undefined where nobody knows, or there is no limit. */
export function descriptorLimit(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

/** Counts the descriptors of this process. It has one itself. */
export class DescriptorCount {
  readonly #folder: number;
  /** From Linux 6.2 on, the size of the folder says it: a microsecond. */
  readonly #isSized: boolean;

  /** Throws where there is no /proc, or no descriptor for it. */
  constructor() {
    this.#folder = openSync(FOLDER, 'r');
    this.#isSized = fstatSync(this.#folder).size > 0;
  }

  /** How many are open, or at least so many where that is not to be had at once. Infinite when none can be opened. */
  glance(): number {
    return this.#isSized ? fstatSync(this.#folder).size : lowestFree();
  }

  /** How many are open. Where they have to be counted, that takes its time when there are many. */
  read(): number {
    if (this.#isSized) return fstatSync(this.#folder).size;
    try {
      return readdirSync(FOLDER).length - 1;
    } catch {
      return lowestFree();
    }
  }
}

/** The next that is opened gets the lowest number that is free, so at least as many are in use. There may be holes, and more beyond. */
function lowestFree(): number {
  try {
    const fd = openSync('/dev/null', 'r');
    closeSync(fd);
    return fd;
  } catch {
    // EMFILE, or ENFILE: the whole system has none.
    return Number.POSITIVE_INFINITY;
  }
}

/** Opens as many descriptors as there are, up to a count, to have them when they are needed. */
export function holdDescriptors(count: number): number[] {
  const held: number[] = [];
  try {
    while (held.length < count) held.push(openSync('/dev/null', 'r'));
  } catch {
    // As many as there are.
  }
  return held;
}

/** What the descriptors of this process are, as text: `31 files (30 times /srv/report.pdf), 12 sockets`. The most come first. It needs one. */
export function describeDescriptors(): string {
  const kinds = new Map<string, number>();
  const files = new Map<string, number>();
  for (const target of targets()) {
    const kind = kindOf(target);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    if (kind === 'file') files.set(target, (files.get(target) ?? 0) + 1);
  }
  const most = [...files].sort(([, a], [, b]) => b - a)[0];
  return [...kinds]
    .sort(([, a], [, b]) => b - a)
    .map(([kind, count]) => {
      const often = kind === 'file' && most !== undefined && most[1] > 1 ? ` (${most[1]} times ${most[0]})` : '';
      return `${count} ${kind}${count === 1 ? '' : 's'}${often}`;
    })
    .join(', ');
}

function* targets(): Generator<string> {
  try {
    const folder = opendirSync(FOLDER, { bufferSize: 256 });
    try {
      for (let count = 0; count < MAX_LISTED; count++) {
        const entry = folder.readSync();
        if (entry === null) return;
        const target = linkOf(entry.name);
        if (target !== undefined) yield target;
      }
    } finally {
      folder.closeSync();
    }
  } catch {
    // No /proc, or no descriptor for it.
  }
}

function linkOf(name: string): string | undefined {
  try {
    return readlinkSync(`${FOLDER}/${name}`);
  } catch {
    // Another thread has closed it meanwhile.
    return undefined;
  }
}

/** proc(5): a path, `socket:[INODE]`, `pipe:[INODE]`, `anon_inode:[eventpoll]` and the like. */
function kindOf(target: string): string {
  if (target.startsWith('/')) return 'file';
  return /^anon_inode:\[?([\w-]+)/.exec(target)?.[1] ?? /^(\w+):/.exec(target)?.[1] ?? 'other';
}

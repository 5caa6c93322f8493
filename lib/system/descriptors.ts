import { closeSync, fstatSync, opendirSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * Of a longer table, the rest is not looked at: a worker with a million open descriptors must not stand still for it.
 */
const MAX_LISTED = 10_000;
const FOLDER = '/proc/self/fd';

/**
 * How many descriptors this process may have, RLIMIT_NOFILE. Undefined where that is not known, or where there is no
 * limit.
 */
export function descriptorLimit(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

/** Counts the descriptors of this process. The counter itself has one. */
export class DescriptorCount {
  readonly #folder: number;
  /** From Linux 6.2 on, the size of the folder is the number of descriptors: asking takes a microsecond. */
  readonly #isSized: boolean;

  /** Throws where there is no /proc, or no descriptor for it. */
  constructor() {
    this.#folder = openSync(FOLDER, 'r');
    this.#isSized = fstatSync(this.#folder).size > 0;
  }

  /**
   * How many descriptors are open; where that cannot be had at once, a lower bound. Infinite when none can be opened.
   */
  glance(): number {
    return this.#isSized ? fstatSync(this.#folder).size : lowestFree();
  }

  /** How many descriptors are open. Where they have to be counted, that takes its time when there are many. */
  read(): number {
    if (this.#isSized) return fstatSync(this.#folder).size;
    try {
      return readdirSync(FOLDER).length - 1;
    } catch {
      return lowestFree();
    }
  }
}

/** The next descriptor gets the lowest free number, so at least that many are in use. Beyond it, there may be more. */
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

/** Opens up to `count` descriptors, as many as there are, to have them when they are needed. */
export function holdDescriptors(count: number): number[] {
  const held: number[] = [];
  try {
    while (held.length < count) held.push(openSync('/dev/null', 'r'));
  } catch {
    // There are no more.
  }
  return held;
}

/**
 * What the open descriptors of this process are, as text: `31 files (30 times /srv/report.pdf), 12 sockets`. The most
 * frequent kind comes first. It needs a free descriptor.
 */
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

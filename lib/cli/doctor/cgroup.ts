/*
 * Reads the limits of the cgroup of this process, in version 1 and 2: for each limit, the tightest one from its own
 * group up to the topmost that can be seen.
 */
import { dirname, join } from 'node:path/posix';
import type { Machine } from './machine.js';

export interface CgroupLimits {
  /** CPUs, a half is 0.5. Undefined where there is no quota. */
  readonly cpus: number | undefined;
  /** Bytes. */
  readonly memory: number | undefined;
  /** Processes and threads together. */
  readonly pids: number | undefined;
  /** Whether the kernel kills all processes of the cgroup when one has no memory left. */
  readonly killsAll: boolean;
}

/** Where the files of a controller are, as they hold for this process. */
interface Place {
  readonly version: 1 | 2;
  /** Where the controller is mounted. */
  readonly mount: string;
  /** The folder of the group that this process is in: the mount, or below it. */
  readonly folder: string;
}

type Reader = Pick<Machine, 'read'>;

/** From this number on there is no limit: version 1 has such a number where nobody has set one. */
const UNLIMITED = 2 ** 60;

export function readCgroup(machine: Reader): CgroupLimits {
  const own = machine.read('/proc/self/cgroup') ?? '';
  const mounts = machine.read('/proc/self/mountinfo') ?? '';
  const at = (controller: string): Place | undefined => placeOf(controller, own, mounts);
  const tightest = (controller: string, read: (folder: string, version: 1 | 2) => number | undefined) => {
    const place = at(controller);
    const found = place ? foldersOf(place).map((folder) => read(folder, place.version)) : [];
    const limits = found.filter((limit) => limit !== undefined);
    return limits.length === 0 ? undefined : Math.min(...limits);
  };
  const number = (path: string): number | undefined => {
    const text = machine.read(path)?.trim();
    const value = text === undefined || !/^-?\d+$/.test(text) ? undefined : Number(text);
    return value === undefined || value < 0 || value >= UNLIMITED ? undefined : value;
  };
  const memory = at('memory');
  return {
    cpus: tightest('cpu', (folder, version) => cpusOf(machine, folder, version, number)),
    memory: tightest('memory', (folder, version) =>
      number(join(folder, version === 2 ? 'memory.max' : 'memory.limit_in_bytes')),
    ),
    pids: tightest('pids', (folder) => number(join(folder, 'pids.max'))),
    killsAll:
      memory?.version === 2 && foldersOf(memory).some((folder) => number(join(folder, 'memory.oom.group')) === 1),
  };
}

function cpusOf(
  machine: Reader,
  folder: string,
  version: 1 | 2,
  number: (path: string) => number | undefined,
): number | undefined {
  if (version === 1) {
    const [quota, period] = ['cpu.cfs_quota_us', 'cpu.cfs_period_us'].map((name) => number(join(folder, name)));
    return quota && period ? quota / period : undefined;
  }
  const [, quota, period] = /^(\d+) (\d+)/.exec(machine.read(join(folder, 'cpu.max')) ?? '') ?? [];
  return quota && period ? Number(quota) / Number(period) : undefined;
}

/**
 * Finds a controller. `/proc/self/cgroup` has a line `number:controllers:path` for each hierarchy; for version 2,
 * `0::path`.
 */
function placeOf(controller: string, own: string, mounts: string): Place | undefined {
  const rows = own.split('\n').map((line) => /^\d+:(?<names>[^:]*):(?<path>.*)$/.exec(line)?.groups);
  const first = rows.find((row) => row?.['names']?.split(',').includes(controller));
  const row = first ?? rows.find((each) => each?.['names'] === '');
  if (!row) return undefined;
  const version = first ? 1 : 2;
  for (const line of mounts.split('\n')) {
    // Fields of proc(5): id, parent, device, root, mount point, options … - type, source, super options.
    const [front = '', back = ''] = line.split(' - ');
    const [, , , root = '/', mount = ''] = front.split(' ');
    const [type = '', , options = ''] = back.split(' ');
    const isIt = version === 2 ? type === 'cgroup2' : type === 'cgroup' && options.split(',').includes(controller);
    if (!isIt) continue;
    return { version, mount, folder: join(mount, below(row['path'] ?? '/', root)) };
  }
  return undefined;
}

/**
 * The path of a group, relative to its mount. In a container, the mount begins at the container's own group, and the
 * path may begin at the host's root, or at that group.
 */
function below(path: string, root: string): string {
  if (root === '/') return path.startsWith('/..') ? '/' : path;
  return path === root || path.startsWith(`${root}/`) ? path.slice(root.length) : '/';
}

/** The folders of the groups, from that of this process to the topmost that can be seen. */
function foldersOf({ mount, folder }: Place): string[] {
  const folders = [folder];
  for (let at = folder; at !== mount && at.startsWith(mount) && at !== '/'; ) {
    at = dirname(at);
    folders.push(at);
  }
  return folders;
}

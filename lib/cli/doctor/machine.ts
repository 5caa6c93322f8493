/*
 * The machine that the doctor looks at. All that is read of it comes through one object, which a test replaces by a
 * table.
 */
import { readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { getHeapStatistics } from 'node:v8';

export interface Machine {
  readonly platform: NodeJS.Platform;
  /** Without the `v`. */
  readonly node: string;
  /** Undefined where the system has no users. */
  readonly uid: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The number of CPUs, as Node counts them. */
  readonly parallelism: number;
  /** How large V8 lets the heap of a process grow on this machine, unless it is told otherwise. Bytes. */
  readonly heapLimit: number;
  readonly temporaryFolder: string;
  /** The text of a file; undefined where it cannot be read. */
  read(path: string): string | undefined;
  /** How many bytes are free in the file system of this folder; undefined where there is no such folder. */
  free(folder: string): number | undefined;
}

/** The machine that this process runs on. */
export const thisMachine: Machine = {
  platform: process.platform,
  node: process.versions.node,
  uid: process.getuid?.(),
  env: process.env,
  parallelism: availableParallelism(),
  heapLimit: getHeapStatistics().heap_size_limit,
  temporaryFolder: tmpdir(),
  read: (path) => orUndefined(() => readFileSync(path, 'utf8')),
  free: (folder) =>
    orUndefined(() => {
      const { bavail, bsize } = statfsSync(folder);
      return bavail * bsize;
    }),
};

function orUndefined<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/* What the doctor looks at. All that it reads comes through one object, which a test replaces by a table. */
import { readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { getHeapStatistics } from 'node:v8';

export interface Machine {
  readonly platform: NodeJS.Platform;
  /** Without the `v`. */
  readonly node: string;
  /** Undefined where there are no users. */
  readonly uid: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What Node takes for the number of CPUs. */
  readonly parallelism: number;
  /** How large V8 lets the heap of a process grow here where nothing else is said, bytes. */
  readonly heapLimit: number;
  readonly temporaryFolder: string;
  /** The text of a file; undefined where it cannot be read. */
  read(path: string): string | undefined;
  /** How many bytes are free where this folder is; undefined where there is no such folder. */
  free(folder: string): number | undefined;
}

/** The one that this process runs on. */
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

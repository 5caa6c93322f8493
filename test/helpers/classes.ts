import type { BuiltInClass } from 'prefork';
import type { HostOptions } from './host.js';

export const CLASSES: readonly BuiltInClass[] = ['sync', 'threaded', 'async'];

/** Those whose connections stay open for the next request. */
export const KEEPING: readonly BuiltInClass[] = ['threaded', 'async'];

/** One worker of a class that serves one request, or connection, at a time. */
export function single(workerClass: BuiltInClass): HostOptions {
  return { workers: 1, workerClass, ...MORE[workerClass] };
}

const MORE: Readonly<Record<BuiltInClass, HostOptions>> = {
  sync: {},
  threaded: { threads: 1 },
  async: { workerConnections: 1 },
};

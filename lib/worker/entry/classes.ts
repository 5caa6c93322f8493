import { inspect } from 'node:util';
import type { BuiltInClass, WorkerKind } from '../../options/types.js';
import type { Worker, WorkerContext } from '../worker.js';
import { loadApp } from './app.js';

/** A concrete class of workers. */
export interface LoadedClass {
  readonly kind: WorkerKind;
  new (context: WorkerContext, app: unknown): Worker<unknown>;
}

/** Loaded when needed: each module costs a worker a part of a millisecond at its start. */
const BUILT_IN: Readonly<Record<BuiltInClass, () => Promise<unknown>>> = {
  sync: async () => (await import('../classes/sync.js')).SyncWorker,
  threaded: async () => (await import('../classes/threaded.js')).ThreadedWorker,
  async: async () => (await import('../classes/async.js')).AsyncWorker,
};

function isLoadedClass(value: unknown): value is LoadedClass {
  const { kind, prototype } = value as { kind?: unknown; prototype?: { run?: unknown } };
  return typeof value === 'function' && kind !== undefined && typeof prototype?.run === 'function';
}

/** The class behind the name of a built-in one, a module specifier, or the class itself. Throws what a module throws. */
export async function loadClass(source: unknown): Promise<LoadedClass> {
  const found = typeof source === 'string' ? await (BUILT_IN[source as BuiltInClass]?.() ?? loadApp(source)) : source;
  if (isLoadedClass(found)) return found;
  throw new TypeError(
    `expected a subclass of Worker as the worker class${typeof source === 'string' ? ` in '${source}'` : ''}, got ${inspect(found, { depth: 0 })}`,
  );
}

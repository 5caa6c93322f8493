import { inspect } from 'node:util';
import type { BuiltInClass, WorkerKind } from '../../options/worker-class.js';
import { AsyncWorker } from '../classes/async.js';
import { SyncWorker } from '../classes/sync.js';
import { ThreadedWorker } from '../classes/threaded.js';
import { Worker, type WorkerContext } from '../worker.js';
import { loadApp } from './app.js';

/** A worker class that can be instantiated. */
export interface LoadedClass {
  readonly kind: WorkerKind;
  new (context: WorkerContext, app: unknown): Worker<unknown>;
}

/**
 * All built-in classes are loaded, though a worker uses one: a separate file for each would cost more time at the start
 * of a worker than loading the unused ones.
 */
const BUILT_IN: Readonly<Record<BuiltInClass, unknown>> = {
  sync: SyncWorker,
  threaded: ThreadedWorker,
  async: AsyncWorker,
};

const KINDS: readonly WorkerKind[] = ['process', 'threads'];

/** The methods that a worker class of the application must have. */
const STEPS = ['run', 'stop'] as const;

function isWorkerClass(value: unknown): value is LoadedClass {
  const { kind, prototype } = value as { kind?: unknown; prototype?: unknown };
  return typeof value === 'function' && kind !== undefined && prototype !== undefined;
}

function isLoadedClass(value: unknown): value is LoadedClass {
  return isWorkerClass(value) && missingIn(value).length === 0;
}

function missingIn({ prototype }: LoadedClass): readonly string[] {
  const steps = prototype as unknown as Readonly<Record<string, unknown>>;
  return STEPS.filter((name) => typeof steps[name] !== 'function');
}

/**
 * Returns the worker class. `source` is the name of a built-in class, a module specifier, or the class itself. Throws
 * what the module throws.
 */
export async function loadClass(source: unknown): Promise<LoadedClass> {
  const found = typeof source === 'string' ? (BUILT_IN[source as BuiltInClass] ?? (await loadApp(source))) : source;
  if (isLoadedClass(found)) {
    const { kind, name } = found;
    if (!KINDS.includes(kind))
      throw new TypeError(`${name}: static kind: expected 'process' or 'threads', got ${inspect(kind, { depth: 0 })}`);
    if (found.prototype instanceof Worker) return found;
    // The other copy does not know that this process is a worker, nor which one.
    throw new TypeError(
      `the worker class ${name} extends a class of another copy of prefork; where a bundler has put that into its module, mark prefork external`,
    );
  }
  const where = typeof source === 'string' ? ` in '${source}'` : '';
  const lacks = isWorkerClass(found)
    ? `: it has no ${missingIn(found)
        .map((name) => `${name}()`)
        .join(' and no ')}`
    : '';
  throw new TypeError(
    `expected a subclass of Worker as the worker class${where}, got ${inspect(found, { depth: 0 })}${lacks}`,
  );
}

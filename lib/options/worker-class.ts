import { type Check, invalid } from './checks.js';
import { BUILT_IN_CLASSES } from './defaults.js';
import type { Contradiction } from './record.js';
import type { ClassSource } from './resolved.js';
import type { BuiltInClass, WorkerClass } from './types.js';

const EXPECTED = `${BUILT_IN_CLASSES.map((name) => `'${name}'`).join(', ')}, a subclass of Worker, or a module specifier such as './my-worker.js#MyWorker'`;

/** The value of `workerClass`, as given. */
export const workerClass: Check<string | WorkerClass<never>> = (value, option) => {
  if (typeof value === 'function' && isWorkerClass(value)) return value;
  // A bare word is more likely a misspelt class than a package.
  if (typeof value === 'string' && (isBuiltIn(value) || (/^[./]|^file:|.#./.test(value) && !value.includes('\0')))) {
    return value;
  }
  throw invalid(option, EXPECTED, value);
};

/** Whether a worker of this class serves HTTP in a way that is known here. */
export function isBuiltIn(value: unknown): value is BuiltInClass {
  return BUILT_IN_CLASSES.includes(value as BuiltInClass);
}

/** What the master and the workers need to know of the class. */
export function classSource(given: string | WorkerClass<never>, threads: number): ClassSource {
  if (typeof given === 'string') {
    // What a module's class is, only the workers learn: it may have threads.
    const single = given === 'sync' || given === 'async';
    return { name: given, inline: undefined, threads: single ? 0 : threads };
  }
  return { name: undefined, inline: given, threads: given.kind === 'threads' ? threads : 0 };
}

/** An option that means something to some built-in classes alone. A class of the user's may want any of it. */
export function onlyFor(...classes: readonly BuiltInClass[]): Contradiction {
  const named = classes.map((name) => `'${name}'`).join(' or ');
  return {
    with: 'workerClass',
    says: `of the built-in classes, ${classes.map((name) => `\`'${name}'\``).join(' and ')} alone`,
    refuse: (option, { given, values: { workerClass } }) => {
      // To switch off what is not there is no fault.
      if (given[option] === undefined || given[option] === false) return;
      if (!isBuiltIn(workerClass) || classes.includes(workerClass)) return;
      throw invalid('workerClass', `${named}, since the option '${option}' is for that class`, workerClass);
    },
  };
}

function isWorkerClass(value: { readonly kind?: unknown; readonly prototype?: unknown }): value is WorkerClass<never> {
  const { run, stop } = (value.prototype ?? {}) as { run?: unknown; stop?: unknown };
  const known = value.kind === 'process' || value.kind === 'threads';
  return known && typeof run === 'function' && typeof stop === 'function';
}

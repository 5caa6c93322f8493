import { availableParallelism } from 'node:os';
import { types } from 'node:util';
import { ArbiterError } from '../../errors.js';
import { type Refuse, recognizeApp } from '../application.js';
import { type Check, integer, integers, invalid, MOST_WORKERS, text } from '../checks.js';
import { nearest } from '../near.js';
import type { Contradiction, OptionRecords } from '../record.js';
import type { AppSource, ClassSource } from '../resolved.js';
import type { BuiltInClass, WorkerClass } from '../worker-class.js';

const refuseApp: Refuse = (expected, got) =>
  new ArbiterError('ERR_INVALID_OPTION', `option 'app': expected a module specifier, a URL, ${expected}, got ${got}`);

const application: Check<unknown> = (value, option) => {
  if (value instanceof URL && value.protocol !== 'file:') throw invalid(option, 'a file: URL', value.href);
  // A bare '#name' would be a subpath import of this library's own package, not of the application.
  if (typeof value === 'string' && text(value, option).startsWith('#')) {
    throw invalid(option, "a module specifier such as './app.js#name'", value);
  }
  return value;
};

/** A checked `app` in the form that the master needs. */
export function appSource(app: unknown): AppSource {
  if (typeof app === 'string') return { form: 'module', specifier: app };
  return app instanceof URL ? { form: 'module', specifier: app.href } : { form: 'inline' };
}

/** The names of the built-in classes. */
export const BUILT_IN_CLASSES: readonly BuiltInClass[] = ['sync', 'threaded', 'async'];

const CLASS_EXPECTED = `${BUILT_IN_CLASSES.map((name) => `'${name}'`).join(', ')}, a subclass of Worker, or a module specifier such as './my-worker.js#MyWorker'`;

/** Checks `workerClass`, and returns it as given. */
const workerClass: Check<string | WorkerClass<never>> = (value, option) => {
  if (typeof value === 'function' && isWorkerClass(value)) return value;
  // A bare word is more likely a misspelt class than a package.
  if (typeof value === 'string' && (isBuiltIn(value) || (/^[./]|^file:|.#./.test(value) && !value.includes('\0')))) {
    return value;
  }
  throw invalid(option, CLASS_EXPECTED, value, classInstead(value));
};

/** Gunicorn's names for these classes. */
const OF_GUNICORN: ReadonlyMap<string, BuiltInClass> = new Map([
  ['gthread', 'threaded'],
  ['gevent', 'async'],
  ['eventlet', 'async'],
  ['tornado', 'async'],
]);

function classInstead(value: unknown): string | undefined {
  if (typeof value === 'function') return 'a class of yours extends Worker, or a class that does';
  if (typeof value !== 'string' || value === '') return undefined;
  if (/\.[cm]?[jt]s$/.test(value)) return `a module is named by its path: './${value}'`;
  const known = OF_GUNICORN.get(value);
  return known ? `it is called '${known}' here` : nearest(value, BUILT_IN_CLASSES);
}

function isWorkerClass(value: { readonly kind?: unknown; readonly prototype?: unknown }): value is WorkerClass<never> {
  const { run, stop } = (value.prototype ?? {}) as { run?: unknown; stop?: unknown };
  const known = value.kind === 'process' || value.kind === 'threads';
  return known && typeof run === 'function' && typeof stop === 'function';
}

/** Whether this is the name of a built-in class. Only of these the library knows how they serve HTTP. */
export function isBuiltIn(value: unknown): value is BuiltInClass {
  return BUILT_IN_CLASSES.includes(value as BuiltInClass);
}

/** A checked `workerClass` in the form that the master needs. */
export function classSource(given: string | WorkerClass<never>, threads: number): ClassSource {
  if (typeof given === 'string') {
    // Only the workers load the module of a class, so the master must assume that it has threads.
    const single = given === 'sync' || given === 'async';
    return { name: given, inline: undefined, threads: single ? 0 : threads };
  }
  return { name: undefined, inline: given, threads: given.kind === 'threads' ? threads : 0 };
}

/** For an option that applies only to some built-in classes. A user's own class may use any option. */
export function onlyFor(...classes: readonly BuiltInClass[]): Contradiction {
  const named = classes.map((name) => `'${name}'`).join(' or ');
  return {
    with: 'workerClass',
    says: `of the built-in classes, ${classes.map((name) => `\`'${name}'\``).join(' and ')} alone`,
    refuse: (option, { given, values: { workerClass } }) => {
      // Switching off what the class does not have is allowed.
      if (given[option] === undefined || given[option] === false) return;
      if (!isBuiltIn(workerClass) || classes.includes(workerClass)) return;
      const instead = `set workerClass: ${named}${given['workerClass'] === undefined ? `, since '${workerClass}' is the default` : ''}, or leave out '${option}'`;
      throw invalid('workerClass', `${named}, since the option '${option}' is for that class`, workerClass, instead);
    },
  };
}

const servedByClass: Contradiction = {
  with: 'workerClass',
  says: 'what a built-in class serves is a handler; a class of yours may serve anything',
  refuse: (_option, { values: { app, workerClass: chosen } }) => {
    // The workers check what a promise resolves to. Only a user's own class knows what it can serve.
    if (appSource(app).form === 'inline' && isBuiltIn(chosen) && !types.isPromise(app)) recognizeApp(app, refuseApp);
  },
};

const classNeedsScript: Contradiction = {
  with: 'app',
  says: 'the class itself is for the inline form; beside a module, give the specifier of its module',
  refuse: (option, { values: { app, workerClass: chosen } }) => {
    if (typeof chosen === 'string' || appSource(app).form === 'inline') return;
    throw invalid(
      option,
      "a module specifier such as './my-worker.js#MyWorker', since with the module form of 'app' the workers do not run the script that has the class",
      chosen,
    );
  },
};

/** Checks `name`: no control characters, since `ps` and the guard read process titles line by line. */
const title: Check<string> = (value, option) => {
  if (typeof value === 'string' && /^[^\p{Cc}]{1,64}$/u.test(value)) return value;
  throw invalid(option, '1 to 64 printable characters', value);
};

const number: Check<number> = (value, option) => {
  if (value === 0 || value === 'auto' || value === 'max')
    throw invalid(option, `an integer from 1 to ${MOST_WORKERS}`, value, 'leave it out for one for each CPU');
  return integer(1, MOST_WORKERS)(value, option);
};

function defaultWorkers(): number {
  const variable = process.env['WEB_CONCURRENCY'];
  if (variable === undefined || variable === '') return availableParallelism();
  if (/^[1-9]\d{0,5}$/.test(variable) && Number(variable) <= MOST_WORKERS) return Number(variable);
  throw invalid('workers', `an integer from 1 to ${MOST_WORKERS} in the variable WEB_CONCURRENCY`, variable);
}

/** What is served, by which class of workers, and by how many. */
export const APPLICATION: OptionRecords = {
  app: {
    about:
      'The application. *Module form*, a string or URL. *Inline form*, anything else: the handler itself, or a promise of it.',
    kind: { type: 'string, URL, handler or promise', check: application },
    defaultValue: () => recognizeApp(undefined, refuseApp),
    defaultText: 'none: required',
    reload: 'the module, with all links followed; inline, the script of the host',
    contradicts: [servedByClass],
  },
  name: {
    about: 'Tells the Arbiters of one host apart. Part of the process titles.',
    kind: { type: '1 to 64 printable characters', check: title },
    defaultValue: 'prefork',
  },
  workers: {
    about: 'Number of worker processes.',
    kind: { ...integers(1, MOST_WORKERS), check: number },
    defaultValue: defaultWorkers,
    defaultText: '`WEB_CONCURRENCY`, else `os.availableParallelism()`',
    gunicorn: 'workers',
  },
  spares: {
    about:
      'How many further workers have booted and wait. One takes over within milliseconds when a worker dies. Each costs the memory of an idle worker.',
    kind: integers(0, MOST_WORKERS),
    defaultValue: 0,
  },
  workerClass: {
    about:
      "How a worker serves. `'sync'`: one request at a time. `'threaded'`: one in each of its `threads`. `'async'`: many at once.",
    kind: { type: "`'sync'`, `'threaded'`, `'async'`, specifier or class", check: workerClass },
    defaultValue: 'sync',
    reload: 'the module of a class of yours, with all links followed',
    gunicorn: 'worker_class',
    contradicts: [classNeedsScript],
  },
};

import { availableParallelism } from 'node:os';
import { types } from 'node:util';
import { ArbiterError } from '../../errors.js';
import { type Refuse, recognizeApp } from '../application.js';
import { type Check, integers, invalid, text } from '../checks.js';
import type { Contradiction, OptionRecords } from '../record.js';
import type { AppSource } from '../resolved.js';
import { isBuiltIn, workerClass } from '../worker-class.js';

const refuseApp: Refuse = (expected, got) =>
  new ArbiterError('ERR_INVALID_OPTION', `option 'app': expected a module specifier, a URL, ${expected}, got ${got}`);

const application: Check<unknown> = (value, option) => {
  if (value instanceof URL && value.protocol !== 'file:') throw invalid(option, 'a file: URL', value.href);
  // A bare '#name' would be an import of the package around us, not of the application.
  if (typeof value === 'string' && text(value, option).startsWith('#')) {
    throw invalid(option, "a module specifier such as './app.js#name'", value);
  }
  return value;
};

/** An application that was checked, as the master needs it. */
export function appSource(app: unknown): AppSource {
  if (typeof app === 'string') return { form: 'module', specifier: app };
  return app instanceof URL ? { form: 'module', specifier: app.href } : { form: 'inline' };
}

const servedByClass: Contradiction = {
  with: 'workerClass',
  says: 'what a built-in class serves is a handler; a class of yours may serve anything',
  refuse: (_option, { values: { app, workerClass: chosen } }) => {
    // What a promise brings is looked at in the workers. What a class of the user serves, only that class knows.
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

/** `ps` and the guard read titles line by line, so no control characters. */
const title: Check<string> = (value, option) => {
  if (typeof value === 'string' && /^[^\p{Cc}]{1,64}$/u.test(value)) return value;
  throw invalid(option, '1 to 64 printable characters', value);
};

function defaultWorkers(): number {
  const variable = process.env['WEB_CONCURRENCY'];
  if (variable === undefined || variable === '') return availableParallelism();
  if (/^[1-9]\d{0,5}$/.test(variable)) return Number(variable);
  throw invalid('workers', 'an integer of at least 1 in the variable WEB_CONCURRENCY', variable);
}

/** What is served, and by how many of which workers. */
export const APPLICATION: OptionRecords = {
  app: {
    about: 'The application: the specifier of its module, or inline the handler itself, or a promise of it.',
    kind: { type: 'string, URL, handler or promise', check: application },
    defaultValue: () => recognizeApp(undefined, refuseApp),
    defaultText: 'none: required',
    reload: 'the module, with all links followed; inline, the script of the host',
    contradicts: [servedByClass],
  },
  name: {
    about: 'Tells Arbiters of one host apart; part of the process titles.',
    kind: { type: '1 to 64 printable characters', check: title },
    defaultValue: 'prefork',
  },
  workers: {
    about: 'Number of worker processes.',
    kind: integers(1),
    defaultValue: defaultWorkers,
    defaultText: '`WEB_CONCURRENCY`, else `os.availableParallelism()`',
    gunicorn: 'workers',
  },
  workerClass: {
    about:
      'How a worker serves: a built-in class, or a subclass of `Worker`, by itself or by the specifier of its module.',
    kind: { type: "`'sync'`, `'threaded'`, `'async'`, specifier or class", check: workerClass },
    defaultValue: 'sync',
    reload: 'the module of a class of yours, with all links followed',
    gunicorn: 'worker_class',
    contradicts: [classNeedsScript],
  },
};

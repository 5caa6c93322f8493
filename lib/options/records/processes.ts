import { resolve } from 'node:path';
import { accounts, type Check, flag, integer, invalid, plainObject, string, strings, text } from '../checks.js';
import { parseControl } from '../control.js';
import type { Logger, LogLevel } from '../logger.js';
import type { Contradiction, OptionRecords } from '../record.js';
import type { MasterSignal } from '../types.js';
import { workingFolder } from '../working-folder.js';

const folder: Check<string> = (value, option) => resolve(workingFolder(), text(value, option));

const environment: Check<Readonly<Record<string, string | undefined>>> = (value, option) => {
  // `process.env` is not a plain object, so it is accepted apart. No message shows an environment: it is full of
  // secrets.
  const variables = value === process.env ? process.env : plainObject(value, option);
  for (const [name, content] of Object.entries(variables)) {
    if (name === '' || /[=\0]/.test(name)) throw invalid(option, "names without '=' and NUL", name);
    if (content !== undefined && (typeof content !== 'string' || content.includes('\0'))) {
      const isPlain = typeof content === 'number' || typeof content === 'boolean';
      const instead = isPlain ? `write it as a string: '${content}'` : undefined;
      throw invalid(`${option}.${name}`, 'a string without NUL, or undefined', content, instead);
    }
  }
  return { ...(variables as Record<string, string | undefined>) };
};

/** The settings with which the worker processes are started. */
export const PROCESSES: OptionRecords = {
  cwd: {
    about: 'Working directory of the workers, and where module specifiers are resolved.',
    kind: { type: 'string', check: folder },
    defaultValue: () => resolve(workingFolder()),
    defaultText: '`process.cwd()`, by its name in `PWD` where that is the same folder',
    reload: 'where its links lead',
    gunicorn: 'chdir',
  },
  env: {
    about: "Variables that the workers get on top of the host's own; `undefined` removes one.",
    kind: { type: 'object', check: environment },
    defaultValue: {},
    reload: 'the variables of the host below it, and what files of variables say',
    gunicorn: 'raw_env',
  },
  execArgv: {
    about: 'Flags of node for the workers. A fixed inspector port becomes a free one.',
    kind: { type: 'array of strings', check: strings },
    // The array itself, not a copy: by its identity, lib/master/workers/environment.ts knows that the option was not
    // given.
    defaultValue: () => process.execArgv,
    defaultText: '`process.execArgv`',
    reload: 'the files of variables that it names',
  },
  user: {
    about: 'User of the workers, name or number; the master must be root.',
    kind: accounts,
    defaultValue: undefined,
    defaultText: "the master's",
    gunicorn: 'user',
  },
  group: {
    about: 'Group of the workers, name or number; the master must be root.',
    kind: accounts,
    defaultValue: undefined,
    defaultText: "the user's own, else the master's",
    gunicorn: 'group',
  },
  umask: {
    about: 'File mode mask of the workers, 0 to 0o777.',
    kind: { type: 'integer, 0 to 0o777', check: integer(0, 0o777) },
    defaultValue: undefined,
    defaultText: "the master's",
    gunicorn: 'umask',
  },
};

/** The signals that the master acts on, unless it is told to leave them alone. */
export const MASTER_SIGNALS: readonly MasterSignal[] = [
  ...(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGTTIN', 'SIGTTOU'] as const),
  ...(['SIGHUP', 'SIGWINCH', 'SIGUSR1', 'SIGUSR2'] as const),
];

const signalList: Check<readonly MasterSignal[]> = (value, option) => {
  if (typeof value === 'boolean') return value ? MASTER_SIGNALS : [];
  if (Array.isArray(value))
    throw invalid(option, 'true, false, or a plain object of those to leave alone, such as { SIGINT: false }', value);
  const map = plainObject(value, option);
  for (const [name, wanted] of Object.entries(map)) {
    if (!MASTER_SIGNALS.includes(name as MasterSignal)) {
      throw invalid(option, `signals out of ${MASTER_SIGNALS.join(', ')}`, name);
    }
    if (wanted !== undefined && typeof wanted !== 'boolean')
      throw invalid(`${option}.${name}`, 'true or false', wanted);
  }
  return MASTER_SIGNALS.filter((name) => map[name] !== false);
};

/** The methods that a logger must have. */
const METHODS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Checks `logger`: a logger, or whether to use the built-in one. No message shows a logger, since it may be huge. */
const logger: Check<Logger | boolean> = (value, option) => {
  if (typeof value === 'boolean') return value;
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || Array.isArray(value)) {
    throw invalid(option, `true, false, or a logger with the methods ${METHODS.join(', ')}`, value);
  }
  for (const method of METHODS) {
    const found = (value as Partial<Record<LogLevel, unknown>>)[method];
    if (typeof found !== 'function')
      throw invalid(`${option}.${method}`, `a method, since a logger has ${METHODS.join(', ')}`, found);
  }
  const { reopen } = value as { readonly reopen?: unknown };
  if (reopen !== undefined && typeof reopen !== 'function') throw invalid(`${option}.reopen`, 'a method', reopen);
  return value as unknown as Logger;
};

/** What the master does in its host process. */
export const HOST: OptionRecords = {
  signals: {
    about:
      'Whether `start()` installs handlers for the signals of the master: `false` for hosts that own their signals, or a map of those to leave alone, `{ SIGINT: false }`.',
    kind: { type: '`true`, `false` or object', check: signalList },
    defaultValue: true,
  },
  logger: {
    about:
      'What the Arbiter logs to. `true`: to standard error. `false`: to nothing. Otherwise a `Logger`, for example one of pino, or `console`.',
    kind: { type: '`true`, `false`, a logger or `console`', check: logger },
    defaultValue: true,
    gunicorn: 'logger_class, errorlog',
  },
};

const ownPath: Contradiction = {
  with: 'bind',
  says: 'a Unix path is the one or the other; that of the control with `.2` at its end is its own during an upgrade',
  refuse: (option, { given, values: { bind, control } }) => {
    if (control === false || control.kind !== 'unix') return;
    const { path, second } = control;
    const name = typeof given[option] === 'string' ? option : `${option}.path`;
    const has = (taken: string): boolean => bind.some((address) => address.kind === 'unix' && address.path === taken);
    if (has(path)) throw invalid(name, "another path, since 'bind' has this one", path);
    if (has(second))
      throw invalid(
        name,
        `another path, since '${second}' is its own during an upgrade, and 'bind' has that one`,
        path,
      );
  },
};

/** How others on the machine find the master, learn its state and control it. */
export const SERVICE: OptionRecords = {
  pidFile: {
    about: 'A file for the pid of this process, from before anything is bound until the stop; relative to `cwd`.',
    kind: string,
    defaultValue: undefined,
    defaultText: 'none',
    gunicorn: 'pidfile',
  },
  notify: {
    about:
      "Whether to tell the service manager that asks for it (`NOTIFY_SOCKET`, systemd's `Type=notify`) when all workers are ready, of reloads and the stop, and how the workers are, and to feed its watchdog.",
    kind: flag,
    defaultValue: true,
  },
  control: {
    about:
      'An HTTP endpoint for operators, to ask how the master is and to tell it what to do: a Unix socket of its own user, or an address of this machine alone, with a token.',
    kind: { type: "`false`, `'unix:/path'`, `{ path, mode }` or `{ host, port, token }`", check: parseControl },
    defaultValue: false,
    contradicts: [ownPath],
  },
};

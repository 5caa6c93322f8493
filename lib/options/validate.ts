import { createServer, type ServerOptions } from 'node:http';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { isDeepStrictEqual, types } from 'node:util';
import type { ResourceLimits } from 'node:worker_threads';
import { LONGEST_DELAY } from '../delay.js';
import { ArbiterError } from '../errors.js';
import type { HttpOptions } from '../protocol.js';
import { DEFAULT_BIND, parseBind } from './address.js';
import { type Refuse, recognizeApp } from './application.js';
import {
  account,
  boolean,
  type Check,
  duration,
  integer,
  invalid,
  plainObject,
  strings,
  text,
  wholeDuration,
} from './checks.js';
import { DEFAULTS, LATER_OPTIONS, MASTER_SIGNALS } from './defaults.js';
import { namedLibrary } from './library.js';
import { logger } from './logger.js';
import { recycleLimits } from './recycling.js';
import type { AppSource, ResolvedOptions } from './resolved.js';
import { type Surge, surge } from './surge.js';
import { tlsSettings } from './tls.js';
import type { MasterSignal } from './types.js';
import { classSource, isBuiltIn, workerClass } from './worker-class.js';
import { commandLine, workingFolder } from './working-folder.js';

const HTTP_OPTIONS = ['headersTimeout', 'requestTimeout', 'maxHeaderSize', 'maxHeadersCount'] as const;
const OPTIONS: ReadonlySet<string> = new Set([
  ...['app', 'name', 'workers', 'workerClass', 'bind', 'backlog', 'gracefulTimeout', 'drainDelay', 'surge', 'server'],
  ...['timeout', 'watchdog', 'bootTimeout'],
  ...['threads', 'resourceLimits', 'workerConnections', 'keepAlive', 'tls', 'http2'],
  ...['requestBuffer', 'allowHalfOpen'],
  ...['cwd', 'env', 'execArgv', 'user', 'group', 'umask', 'signals', 'logger', ...HTTP_OPTIONS],
  ...['maxRequests', 'maxRequestsJitter', 'maxMemory', 'pidFile', 'notify'],
]);

/** Node adds a second to what it is told, and its timers keep no longer sum. */
const LONGEST_KEPT = LONGEST_DELAY - 1_000;
const DEFAULT_SURGE: Surge = { percent: 25 };

/** All options checked and completed. Throws `ERR_INVALID_OPTION` for the first that is wrong; touches nothing. */
export function validateOptions(value: unknown): ResolvedOptions {
  const given = plainObject(value, 'options');
  for (const option of Object.keys(given)) {
    if (OPTIONS.has(option)) continue;
    const known = LATER_OPTIONS.has(option) ? 'not known to this version yet' : 'unknown';
    throw new ArbiterError(
      'ERR_INVALID_OPTION',
      `option '${option}' is ${known}; known are: ${[...OPTIONS].join(', ')}`,
    );
  }
  const pick = <T>(option: string, check: Check<T>, fallback: T): T =>
    given[option] === undefined ? fallback : check(given[option], option);
  const optional = <T>(option: string, check: Check<T>): T | undefined => pick<T | undefined>(option, check, undefined);

  const chosen = pick('workerClass', workerClass, DEFAULTS.workerClass);
  const source = appSource(given['app'], chosen);
  const bind = pick('bind', parseBind, DEFAULT_BIND);
  const tls = optional('tls', tlsSettings);
  const serving = {
    workerConnections: pick('workerConnections', integer(1), DEFAULTS.workerConnections),
    keepAlive: Math.min(LONGEST_KEPT, pick('keepAlive', wholeDuration, DEFAULTS.keepAlive)),
    threads: pick('threads', integer(1, 256), DEFAULTS.threads),
    http2: pick('http2', boolean, false),
    requestBuffer: pick('requestBuffer', integer(0, 2 ** 31 - 1), DEFAULTS.requestBuffer),
    allowHalfOpen: pick('allowHalfOpen', boolean, false),
    ...(given['resourceLimits'] !== undefined && {
      resourceLimits: resourceLimits(given['resourceLimits'], 'resourceLimits'),
    }),
  };
  refuseContradictions(given, { chosen, addresses: bind.length });
  const cwd = resolve(workingFolder(), pick('cwd', text, '.'));
  const argv = commandLine();
  const pidFile = optional('pidFile', text);
  return {
    source,
    workerClass: classSource(chosen, source, serving.threads),
    serving,
    tls,
    app: given['app'],
    name: pick('name', title, DEFAULTS.name),
    workers: pick('workers', integer(1), undefined) ?? defaultWorkers(),
    bind,
    backlog: pick('backlog', integer(1, 2 ** 31 - 1), DEFAULTS.backlog),
    clocks: {
      timeout: pick('timeout', duration, DEFAULTS.timeout),
      bootTimeout: pick('bootTimeout', duration, DEFAULTS.bootTimeout),
      watchdog: pick('watchdog', boolean, DEFAULTS.watchdog),
    },
    gracefulTimeout: pick('gracefulTimeout', duration, DEFAULTS.gracefulTimeout),
    drainDelay: pick('drainDelay', duration, DEFAULTS.drainDelay),
    recycle: recycleLimits(given),
    http: { ...httpOptions(given), ...(given['keepAlive'] !== undefined && { keepAliveTimeout: serving.keepAlive }) },
    cwd,
    argv,
    library: namedLibrary([argv[1] ?? cwd, cwd]),
    surge: pick('surge', surge, DEFAULT_SURGE),
    env: pick('env', environment, {}),
    execArgv: pick('execArgv', strings, process.execArgv),
    user: optional('user', account),
    group: optional('group', account),
    umask: optional('umask', integer(0, 0o777)),
    pidFile: pidFile === undefined ? undefined : resolve(cwd, pidFile),
    notify: pick('notify', boolean, DEFAULTS.notify),
    signals: pick('signals', signalList, MASTER_SIGNALS),
    logger: pick('logger', logger, DEFAULTS.logger),
  };
}

function appSource(app: unknown, chosen: unknown): AppSource {
  if (typeof app === 'string') {
    const specifier = text(app, 'app');
    // A bare '#name' would be an import of the package around us, not of the application.
    if (specifier.startsWith('#')) throw invalid('app', "a module specifier such as './app.js#name'", app);
    return { form: 'module', specifier };
  }
  if (app instanceof URL) {
    if (app.protocol !== 'file:') throw invalid('app', 'a file: URL', app.href);
    return { form: 'module', specifier: app.href };
  }
  // What a promise brings is looked at in the workers.
  // What a class of the user serves, only that class knows.
  if (app === undefined || (isBuiltIn(chosen) && !types.isPromise(app))) recognizeApp(app, refuseApp);
  return { form: 'inline' };
}

const refuseApp: Refuse = (expected, got) =>
  new ArbiterError('ERR_INVALID_OPTION', `option 'app': expected a module specifier, a URL, ${expected}, got ${got}`);

/** `ps` and the guard read titles line by line, so no control characters. */
const title: Check<string> = (value, option) => {
  if (typeof value === 'string' && /^[^\p{Cc}]{1,64}$/u.test(value)) return value;
  throw invalid(option, '1 to 64 printable characters', value);
};

const LIMITS = ['maxOldGenerationSizeMb', 'maxYoungGenerationSizeMb', 'codeRangeSizeMb', 'stackSizeMb'];

const resourceLimits: Check<ResourceLimits> = (value, option) => {
  const limits = plainObject(value, option);
  for (const [name, limit] of Object.entries(limits)) {
    if (!LIMITS.includes(name)) throw invalid(option, `limits out of ${LIMITS.join(', ')}`, name);
    if (typeof limit !== 'number' || !(limit > 0 && limit < 2 ** 32))
      throw invalid(`${option}.${name}`, 'megabytes, above 0 and below 4294967296', limit);
  }
  return { ...limits };
};

/** What means something with another class only. A custom class may want any of it. */
function refuseContradictions(
  given: Readonly<Record<string, unknown>>,
  { chosen, addresses }: { readonly chosen: unknown; readonly addresses: number },
): void {
  const only = (option: string, ...needed: readonly string[]): void => {
    if (given[option] === undefined || given[option] === false || !isBuiltIn(chosen) || needed.includes(chosen)) return;
    const named = needed.map((name) => `'${name}'`).join(' or ');
    throw invalid('workerClass', `${named}, since the option '${option}' is for that class`, chosen);
  };
  only('threads', 'threaded');
  only('resourceLimits', 'threaded');
  only('http2', 'async');
  only('requestBuffer', 'sync', 'threaded');
  if (given['http2'] === true && given['tls'] === undefined) {
    throw invalid('tls', "key and certificate, since 'http2' is spoken over TLS only", undefined);
  }
  if (addresses === 0 && isBuiltIn(chosen)) {
    throw invalid('bind', `at least one address, since the class '${chosen}' serves HTTP`, []);
  }
}

function defaultWorkers(): number {
  const variable = process.env['WEB_CONCURRENCY'];
  if (variable === undefined || variable === '') return availableParallelism();
  if (/^[1-9]\d{0,5}$/.test(variable)) return Number(variable);
  throw invalid('workers', 'an integer of at least 1 in the variable WEB_CONCURRENCY', variable);
}

const environment: Check<Readonly<Record<string, string | undefined>>> = (value, option) => {
  // The host's own environment is an object of a kind of its own. No message shows one: it is full of secrets.
  const variables = value === process.env ? process.env : plainObject(value, option);
  for (const [name, content] of Object.entries(variables)) {
    if (name === '' || /[=\0]/.test(name)) throw invalid(option, "names without '=' and NUL", name);
    if (content !== undefined && (typeof content !== 'string' || content.includes('\0'))) {
      throw invalid(`${option}.${name}`, 'a string without NUL, or undefined', content);
    }
  }
  return { ...(variables as Record<string, string | undefined>) };
};

const signalList: Check<readonly MasterSignal[]> = (value, option) => {
  if (typeof value === 'boolean') return value ? MASTER_SIGNALS : [];
  const map = plainObject(value, option);
  for (const [name, wanted] of Object.entries(map)) {
    if (!MASTER_SIGNALS.includes(name as MasterSignal)) {
      throw invalid(option, `signals out of ${MASTER_SIGNALS.join(', ')}`, name);
    }
    if (typeof wanted !== 'boolean') throw invalid(`${option}.${name}`, 'true or false', wanted);
  }
  return MASTER_SIGNALS.filter((name) => map[name] !== false);
};

/** Whether JSON brings it to the workers as it is. */
function isData(value: unknown): boolean {
  try {
    return value === undefined || isDeepStrictEqual(JSON.parse(JSON.stringify(value)), value);
  } catch {
    return false;
  }
}

function httpOptions(given: Readonly<Record<string, unknown>>): HttpOptions {
  const server = given['server'] === undefined ? {} : plainObject(given['server'], 'server');
  for (const [key, value] of Object.entries(server)) {
    if (OPTIONS.has(key)) throw invalid(`server.${key}`, `this at the top level, as '${key}'`, value);
    if (!isData(value)) {
      throw invalid(`server.${key}`, 'plain data, since it is sent to the workers', value);
    }
  }
  if (server['keepAliveTimeout'] !== undefined) {
    throw invalid('server.keepAliveTimeout', "this at the top level, as 'keepAlive'", server['keepAliveTimeout']);
  }
  if (server['highWaterMark'] !== undefined) integer(0)(server['highWaterMark'], 'server.highWaterMark');
  const options: Record<string, unknown> = { ...server };
  for (const option of HTTP_OPTIONS) {
    if (given[option] === undefined) continue;
    options[option] = (option.endsWith('Timeout') ? duration : integer(0, 2 ** 31 - 1))(given[option], option);
  }
  try {
    // Node checks types and combinations itself. A server that never listens opens nothing.
    createServer(options as ServerOptions);
  } catch (error) {
    const about = (error as Error).message;
    const [named] = Object.keys(options).filter((key) => about.includes(`"${key}"`) || about.includes(`.${key}"`));
    throw new ArbiterError('ERR_INVALID_OPTION', `option '${named ?? 'server'}': ${about}`, { cause: error });
  }
  return options as HttpOptions;
}

import { createServer } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import type { ResourceLimits } from 'node:worker_threads';
import { LONGEST_DELAY } from '../../delay.js';
import { ArbiterError } from '../../errors.js';
import type { HttpOptions } from '../../protocol/spec.js';
import { parseBind } from '../address.js';
import {
  bytes,
  type Check,
  flag,
  INT_32,
  integer,
  integers,
  invalid,
  MOST_THREADS,
  milliseconds,
  plainObject,
  wholeDuration,
} from '../checks.js';
import { nearest } from '../near.js';
import type { Contradiction, OptionRecords } from '../record.js';
import type { BindAddress, OptionName, OptionValues } from '../resolved.js';
import { tlsSettings } from '../tls.js';
import { isBuiltIn, onlyFor } from './application.js';

/** The names in Node's `ResourceLimits`. */
const THREAD_LIMITS = ['maxOldGenerationSizeMb', 'maxYoungGenerationSizeMb', 'codeRangeSizeMb', 'stackSizeMb'];

const resourceLimits: Check<ResourceLimits> = (value, option) => {
  const limits = plainObject(value, option);
  for (const [name, limit] of Object.entries(limits)) {
    if (!THREAD_LIMITS.includes(name)) throw invalid(option, `limits out of ${THREAD_LIMITS.join(', ')}`, name);
    if (limit !== undefined && !(typeof limit === 'number' && limit > 0 && limit < 2 ** 32))
      throw invalid(`${option}.${name}`, 'megabytes, above 0 and below 4294967296', limit);
  }
  return Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit !== undefined));
};

/** Node adds a second to the keep-alive timeout, and the sum must not exceed the longest delay of a timer. */
const LONGEST_KEPT = LONGEST_DELAY - 1_000;

const kept: Check<number> = (value, option) => Math.min(LONGEST_KEPT, wholeDuration(value, option));

const overTls: Contradiction = {
  with: 'tls',
  says: 'HTTP/2 is spoken over TLS only',
  refuse: (_option, { given }) => {
    if (given['http2'] !== true || given['tls'] !== undefined) return;
    throw invalid('tls', "key and certificate, since 'http2' is spoken over TLS only", undefined);
  },
};

const keysOfOurs: Contradiction = {
  with: 'tls',
  says: 'there are tickets with TLS only, and `ticketKeys` of your own are never replaced',
  refuse: (option, { given: { [option]: rotation }, values: { tls } }) => {
    if (rotation === undefined || rotation === 0) return;
    if (tls === undefined) throw invalid('tls', `key and certificate, since '${option}' is for TLS only`, undefined);
    if (tls.ticketKeys) throw invalid(option, "0, since 'tls.ticketKeys' are never replaced", rotation);
  },
};

/** How a worker serves. */
export const SERVING: OptionRecords = {
  threads: {
    about: 'Threads of a threaded worker.',
    kind: integers(1, MOST_THREADS),
    defaultValue: 4,
    gunicorn: 'threads',
    contradicts: [onlyFor('threaded')],
    part: 'serving',
  },
  resourceLimits: {
    about: "Limits of each thread of a threaded worker, megabytes, as `resourceLimits` of Node's `Worker`.",
    kind: { type: `object: \`${THREAD_LIMITS.join('`, `')}\``, unit: 'MB', check: resourceLimits },
    defaultValue: undefined,
    defaultText: "Node's",
    contradicts: [onlyFor('threaded')],
    part: 'serving',
  },
  workerConnections: {
    about: 'Connections that a worker (threaded: a thread) holds at once, including those that wait for a request.',
    kind: integers(1),
    defaultValue: 1000,
    gunicorn: 'worker_connections',
    part: 'serving',
  },
  keepAlive: {
    about:
      'How long a connection of a threaded or async worker is kept open for the next request. 0 = it is closed after each request.',
    kind: { type: 'integer', unit: 'ms', check: kept },
    defaultValue: 5_000,
    gunicorn: 'keepalive',
    part: 'serving',
  },
  tls: {
    about: 'Serve TLS.',
    kind: { type: 'object', check: tlsSettings },
    defaultValue: undefined,
    defaultText: 'none: plain',
    reload: 'the files that it names',
  },
  ticketKeyRotation: {
    about:
      'How long all workers use the same keys for the tickets of TLS sessions. 0 = as long as the certificate stays the same.',
    kind: milliseconds,
    defaultValue: 43_200_000,
    contradicts: [keysOfOurs],
  },
  http2: {
    about: 'Speak HTTP/2, and HTTP/1.1 beside it, over `tls`; for the async class.',
    kind: flag,
    defaultValue: false,
    contradicts: [onlyFor('async'), overTls],
    part: 'serving',
  },
  requestBuffer: {
    about:
      "Bytes of a request's body that a sync or threaded worker waits for before the request takes its place. 0 = the handler is called as soon as the head has arrived.",
    kind: bytes,
    defaultValue: 1_048_576,
    contradicts: [onlyFor('sync', 'threaded')],
    part: 'serving',
  },
  allowHalfOpen: {
    about: 'Whether a client that has ended its side of the connection after its request still gets the answer.',
    kind: flag,
    defaultValue: false,
    part: 'serving',
  },
};

/**
 * Sockets that systemd passed come first: somebody has configured them for this process. Given in parsed form, since
 * parsing would cost time at every start.
 */
const DEFAULT_BIND: readonly BindAddress[] = [
  { kind: 'systemd', name: undefined, otherwise: { kind: 'tcp', host: '127.0.0.1', port: 8000 } },
];

const someAddress: Contradiction = {
  with: 'workerClass',
  says: '`[]` is for a class of yours: the built-in ones serve HTTP',
  refuse: (option, { values: { bind, workerClass } }) => {
    if (bind.length > 0 || !isBuiltIn(workerClass)) return;
    throw invalid(option, `at least one address, since the class '${workerClass}' serves HTTP`, []);
  },
};

/** The addresses at which clients connect. */
export const BINDING: OptionRecords = {
  bind: {
    about: 'Where to serve.',
    kind: {
      type: "`'host:port'`, `'unix:/path'`, `'fd://3'`, `'systemd'`, `'systemd:NAME'`, `{ host, port }`, `{ path, mode, user, group }`, `{ fd }`, or an array of these",
      check: parseBind,
    },
    defaultValue: () => DEFAULT_BIND,
    defaultText: "the sockets that systemd passed to this process, else `'127.0.0.1:8000'`",
    gunicorn: 'bind',
    contradicts: [someAddress],
  },
  backlog: {
    about: "Length of the kernel's queue of connections that wait for a worker, listen(2), for each address.",
    kind: integers(1, INT_32),
    defaultValue: 2048,
    gunicorn: 'backlog',
  },
};

/** Whether JSON brings the value to the workers unchanged. */
function isData(value: unknown): boolean {
  try {
    return value === undefined || isDeepStrictEqual(JSON.parse(JSON.stringify(value)), value);
  } catch {
    return false;
  }
}

/**
 * The options that the `http.Server` of the running Node reads, whatever its version. Any other name would have no
 * effect.
 */
function optionsOfNode(): readonly string[] {
  const names = new Set<string>();
  const look = (_none: object, name: string | symbol): void => void names.add(String(name));
  createServer(new Proxy({}, { get: look }));
  return [...names].sort();
}

/** Only without TLS: servers of TLS and HTTP/2 have dozens more options, and read them later. */
const ofNode: Contradiction = {
  with: 'tls',
  says: 'without it, `server` takes what `http.createServer` of this Node takes',
  refuse: (_option, { values: { server, tls }, known }) => {
    if (tls !== undefined || Object.keys(server).length === 0) return;
    const names = optionsOfNode();
    const other = Object.keys(server).find((name) => !names.includes(name));
    if (other === undefined) return;
    // Not suggested: functions and classes, which cannot be sent to the workers, and names that are options of their
    // own.
    const free = names.filter(
      (name) => /^(?!keepAliveTimeout$)[a-z].*(?<!Callback)$/.test(name) && !known.includes(name),
    );
    const expected = `what http.createServer() of Node ${process.versions.node} takes (${free.join(', ')})`;
    throw invalid(`server.${other}`, expected, server[other as keyof typeof server], nearest(other, free));
  },
};

const notTwice: Contradiction = {
  with: 'keepAlive',
  says: 'what is an option of its own is not said in `server`; `keepAliveTimeout` is `keepAlive`. `keepAlive: true` there is allowed: it is of TCP',
  refuse: (_option, { values: { server }, known }) => {
    for (const [key, value] of Object.entries(server)) {
      // Node's is true or false, and has the system probe whether silent clients are still there.
      if (key === 'keepAlive' && typeof value === 'boolean') continue;
      if (known.includes(key)) throw invalid(`server.${key}`, `this at the top level, as '${key}'`, value);
      if (!isData(value)) throw invalid(`server.${key}`, 'plain data, since it is sent to the workers', value);
    }
    const { keepAliveTimeout, highWaterMark } = server;
    if (keepAliveTimeout !== undefined) {
      throw invalid('server.keepAliveTimeout', "this at the top level, as 'keepAlive'", keepAliveTimeout);
    }
    if (highWaterMark !== undefined) integer(0)(highWaterMark, 'server.highWaterMark');
  },
};

/** Lets Node check types and combinations itself. A server that never listens opens nothing. */
const asNode: Contradiction = {
  with: 'requestTimeout',
  says: 'the head is no longer allowed to take than the whole, unless that has no limit',
  refuse: (_option, { values }) => {
    const options = nodeOptions(values);
    try {
      createServer(options);
    } catch (error) {
      const about = (error as Error).message;
      const [named] = Object.keys(options).filter((key) => about.includes(`"${key}"`) || about.includes(`.${key}"`));
      throw new ArbiterError('ERR_INVALID_OPTION', `option '${named ?? 'server'}': ${about}`, { cause: error });
    }
  },
};

/** Further options for Node's server. */
export const SERVER: OptionRecords = {
  server: {
    about: 'Further options for `http.createServer`, as data.',
    kind: { type: 'object', check: plainObject },
    defaultValue: {},
    contradicts: [notTwice, ofNode],
    part: 'http',
  },
};

/** Limits of a request that Node's server enforces. */
export const LIMITS: OptionRecords = {
  headersTimeout: {
    about: "Of Node's `http.Server`: how long the complete head of a request may take. 0 = no limit.",
    kind: milliseconds,
    defaultValue: undefined,
    defaultText: "Node's (60000)",
    contradicts: [asNode],
    part: 'http',
  },
  requestTimeout: {
    about: "Of Node's `http.Server`: how long the complete request may take. 0 = no limit.",
    kind: milliseconds,
    defaultValue: undefined,
    defaultText: "Node's (300000; of HTTP/2 no limit)",
    part: 'http',
  },
  maxHeaderSize: {
    about: "Of Node's `http.Server`: the most bytes of a request's head.",
    kind: bytes,
    defaultValue: undefined,
    defaultText: "Node's (16384; of HTTP/2 no such limit)",
    part: 'http',
  },
  maxHeadersCount: {
    about:
      "Of Node's `http.Server`: the most headers of a request, and the most trailers. A request with more gets 431. 0 = no limit.",
    kind: integers(0, INT_32),
    defaultValue: undefined,
    defaultText: "Node's (1000; of HTTP/2 124)",
    part: 'http',
  },
};

/** The options that `http.createServer` gets. */
export function nodeOptions(values: OptionValues): HttpOptions {
  const said = Object.keys(LIMITS).map((name) => [name, values[name as OptionName]] as const);
  return { ...values.server, ...Object.fromEntries(said.filter(([, value]) => value !== undefined)) };
}

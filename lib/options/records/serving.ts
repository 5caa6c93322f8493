import type { ResourceLimits } from 'node:worker_threads';
import { LONGEST_DELAY } from '../../delay.js';
import { parseBind } from '../address.js';
import { bytes, type Check, flag, INT_32, integers, invalid, plainObject, wholeDuration } from '../checks.js';
import type { Contradiction, OptionRecords } from '../record.js';
import type { BindAddress } from '../resolved.js';
import { tlsSettings } from '../tls.js';
import { isBuiltIn, onlyFor } from '../worker-class.js';

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

/** Node adds a second to what it is told, and its timers keep no longer sum. */
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

/** How a worker serves. */
export const SERVING: OptionRecords = {
  threads: {
    about: 'Threads of a threaded worker.',
    kind: integers(1, 256),
    defaultValue: 4,
    gunicorn: 'threads',
    contradicts: [onlyFor('threaded')],
    part: 'serving',
  },
  resourceLimits: {
    about: "Limits of each thread, as `resourceLimits` of Node's `Worker`; one that exceeds them is replaced alone.",
    kind: { type: `object: \`${LIMITS.join('`, `')}\``, unit: 'MB', check: resourceLimits },
    defaultValue: undefined,
    defaultText: "Node's",
    contradicts: [onlyFor('threaded')],
    part: 'serving',
  },
  workerConnections: {
    about: 'Connections that a worker (threaded: a thread) holds at once, with those that wait for a request.',
    kind: integers(1),
    defaultValue: 1000,
    gunicorn: 'worker_connections',
    part: 'serving',
  },
  keepAlive: {
    about: 'How long a connection is kept for its next request; 0 = it is closed after each.',
    kind: { type: 'integer', unit: 'ms', check: kept },
    defaultValue: 5_000,
    gunicorn: 'keepalive',
    part: 'serving',
  },
  requestBuffer: {
    about: 'How much of the body of a request is waited for before it takes its place; 0 = nothing.',
    kind: bytes,
    defaultValue: 1_048_576,
    contradicts: [onlyFor('sync', 'threaded')],
    part: 'serving',
  },
  allowHalfOpen: {
    about: 'Whether a client that has ended its side of the connection still gets its answer.',
    kind: flag,
    defaultValue: false,
    part: 'serving',
  },
  tls: {
    about: 'Serve TLS: what `tls.createServer` takes, as data, or with file URLs for what is read from files.',
    kind: { type: 'object', check: tlsSettings },
    defaultValue: undefined,
    defaultText: 'none: plain',
    reload: 'the files that it names',
  },
  http2: {
    about: 'Speak HTTP/2 beside HTTP/1.1.',
    kind: flag,
    defaultValue: false,
    contradicts: [onlyFor('async'), overTls],
    part: 'serving',
  },
};

/** What was passed is what somebody has configured this process to serve. */
function defaultBind(): readonly BindAddress[] {
  return parseBind('127.0.0.1:8000', 'bind').map((otherwise) => ({ kind: 'systemd', name: undefined, otherwise }));
}

const someAddress: Contradiction = {
  with: 'workerClass',
  says: '`[]` is for a class of yours: the built-in ones serve HTTP',
  refuse: (option, { values: { bind, workerClass } }) => {
    if (bind.length > 0 || !isBuiltIn(workerClass)) return;
    throw invalid(option, `at least one address, since the class '${workerClass}' serves HTTP`, []);
  },
};

/** Where clients find it. */
export const BINDING: OptionRecords = {
  bind: {
    about: "Where to serve: addresses, Unix sockets, inherited descriptors, systemd's sockets, or several of them.",
    kind: { type: 'string, `{ host, port }`, `{ path, mode, user, group }`, `{ fd }` or array', check: parseBind },
    defaultValue: defaultBind,
    defaultText: "the sockets that systemd passed to this process, else `'127.0.0.1:8000'`",
    gunicorn: 'bind',
    contradicts: [someAddress],
  },
  backlog: {
    about: "Length of the kernel's queue of connections that wait for a worker, for each address.",
    kind: integers(1, INT_32),
    defaultValue: 2048,
    gunicorn: 'backlog',
  },
};

import { type Check, flag, integers, invalid, type Kind, milliseconds } from '../checks.js';
import { spelled } from '../instead.js';
import type { Contradiction, OptionRecords } from '../record.js';
import { surge } from '../surge.js';

/** How workers end, and are replaced by a reload. */
export const STOPS: OptionRecords = {
  gracefulTimeout: {
    about: 'How long a worker may take to finish after the order to drain; then it is killed.',
    kind: milliseconds,
    defaultValue: 30_000,
    gunicorn: 'graceful_timeout',
  },
  drainDelay: {
    about: 'How long a graceful stop waits before it drains.',
    kind: milliseconds,
    defaultValue: 0,
  },
  surge: {
    about: 'How many workers of a new generation a reload starts beside the old ones at once.',
    kind: { type: "integer, 1 to 4096, or a share, `'1%'` to `'100%'`", check: surge },
    defaultValue: '25%',
  },
};

/**
 * The built-in classes that serve one request at a time. Whether a user's own class does is unknown before it is
 * loaded.
 */
const ONE_AT_A_TIME: readonly unknown[] = ['sync', 'threaded'];

const livesSoLong: Contradiction = {
  with: 'timeout',
  says: 'no request of a sync or threaded worker lives that long',
  refuse: (option, { values: { slowAfter, timeout, workerClass } }) => {
    if (slowAfter === 0 || timeout === 0 || slowAfter < timeout || !ONE_AT_A_TIME.includes(workerClass)) return;
    throw invalid(option, `less than timeout, which is ${timeout}, or 0`, slowAfter);
  },
};

const isWatched: Contradiction = {
  with: 'watchdog',
  says: 'nobody could tell what a sync or async worker does whose event loop stands still',
  refuse: (option, { values: { slowAfter, watchdog, workerClass } }) => {
    const threads = typeof workerClass === 'string' ? workerClass === 'threaded' : workerClass.kind === 'threads';
    if (slowAfter === 0 || watchdog || threads) return;
    throw invalid(option, '0, since watchdog is false', slowAfter);
  },
};

/** How long a worker, or a request in it, may take. */
export const CLOCKS: OptionRecords = {
  timeout: {
    about:
      'How long one request of a sync worker, or of a thread of a threaded one, may take, and how long the event loop of any worker may stand still. 0 = no limit.',
    kind: milliseconds,
    defaultValue: 30_000,
    gunicorn: 'timeout',
    part: 'clocks',
  },
  watchdog: {
    about: 'Whether each sync or async worker has a thread that watches its main thread, for 9 to 14 MB of memory.',
    kind: flag,
    defaultValue: true,
    part: 'clocks',
  },
  slowAfter: {
    about:
      'How long a request may take before it is reported, once, with what it is doing. The request goes on. 0 = never.',
    kind: milliseconds,
    defaultValue: 0,
    contradicts: [livesSoLong, isWatched],
    part: 'clocks',
  },
  bootTimeout: {
    about: 'How long a worker may take from its spawn until it is ready; then it is killed. 0 = no limit.',
    kind: milliseconds,
    defaultValue: 60_000,
    part: 'clocks',
  },
};

/** Limited, since the threads of a process count together in 32 bits. */
const requests: Kind<number> = integers(0, 1_000_000_000);

/** No process of node is that small: a smaller value was probably meant in another unit. */
const MIN_MEMORY = 2 ** 20;

const memory: Check<number> = (value, option) => {
  if (value === 0 || (Number.isSafeInteger(value) && (value as number) >= MIN_MEMORY)) return value as number;
  const isSmall = typeof value === 'number' && value > 0 && value < MIN_MEMORY;
  const instead = isSmall ? `bytes are meant: ${value} MB are ${Math.round(value * 2 ** 20)}` : spelled(value, 'bytes');
  throw invalid(option, `0 or an integer of at least ${MIN_MEMORY} bytes`, value, instead);
};

const addsToSome: Contradiction = {
  with: 'maxRequests',
  says: 'there is nothing to add to where that is 0',
  refuse: (option, { values: { maxRequests, maxRequestsJitter } }) => {
    if (maxRequestsJitter === 0 || maxRequests > 0) return;
    throw invalid(option, '0, since maxRequests is 0', maxRequestsJitter);
  },
};

/** When a worker that still works is replaced. */
export const RECYCLING: OptionRecords = {
  maxRequests: {
    about: 'After so many requests a worker is replaced: a new one is ready before it drains. 0 = never.',
    kind: requests,
    defaultValue: 0,
    gunicorn: 'max_requests',
    part: 'recycle',
  },
  maxRequestsJitter: {
    about: 'Each worker adds a random number from 0 to this to its `maxRequests`.',
    kind: requests,
    defaultValue: 0,
    gunicorn: 'max_requests_jitter',
    contradicts: [addsToSome],
    part: 'recycle',
  },
  maxMemory: {
    about:
      'Bytes of resident memory, at least 1 MiB: a worker that is above it in three samples in a row, one a second, is replaced as with `maxRequests`. 0 = no limit.',
    kind: { type: `0 or an integer, at least ${MIN_MEMORY}`, unit: 'bytes', check: memory },
    defaultValue: 0,
    part: 'recycle',
  },
};

import type { SlotRecord, SlotRequest } from '../../scoreboard/scoreboard.js';
import { addTimes, BOUNDS, type BothTimes, NO_TIMES, type Times } from '../../scoreboard/slot-times.js';
import type { QueueStats } from '../sockets/queue-level.js';
import type { WorkerInfo } from '../workers/worker-info.js';

/** Counters since the start, dead workers included. */
export interface StatsTotals {
  /** Requests that were answered or given up. */
  readonly requests: number;
  /** Requests whose handler threw or rejected. */
  readonly errors: number;
  /** Requests for which no handler was called, since their clients had left while they waited. */
  readonly abandoned: number;
  /** Workers, and threads of threaded ones, that were ended because a clock ran out. */
  readonly timeouts: number;
  /** Workers, and threads of threaded ones, that ended without being told to, after they were ready. */
  readonly crashes: number;
  /** Workers that replaced one that had ended without the master's order. */
  readonly respawns: number;
  /** Reloads that came to their end; those that failed are not counted. */
  readonly reloads: number;
  /**
   * Workers that were told to drain because of `maxRequests`, `maxMemory`, their descriptors or `restart()`, when their
   * replacement was ready.
   */
  readonly recycles: number;
}

/** How often something took how long, since the start, dead workers included. None of its numbers ever becomes less. */
export interface Histogram {
  /**
   * Upper bounds of the buckets, milliseconds. What took exactly as long as a bound is within its bucket. The bounds
   * never change.
   */
  readonly bounds: readonly number[];
  /**
   * The count of each bucket, without the buckets before it. The last count is of what took longer than the last bound,
   * so there is one count more than there are bounds.
   */
  readonly counts: readonly number[];
  /** The sum of all counts. */
  readonly count: number;
  /** The time that all of them took together, milliseconds. */
  readonly sum: number;
}

/**
 * The share of a recent stretch of time in which no place was free anywhere, 0 to 1. A place is room for one request or
 * connection. No place is free when every ready worker, and every thread of it, is busy; an async one is when it has
 * all its connections.
 *
 * The share is measured from the first `stats()` or `metrics()` on, to about a tenth of a second. It is undefined
 * before, and where no worker accepts. As long as it has been measured for less than the whole stretch, it is that of
 * the shorter time.
 */
export interface Saturation {
  readonly second: number | undefined;
  readonly minute: number | undefined;
  readonly fiveMinutes: number | undefined;
}

/** What one worker last wrote to its slot of the scoreboard; for a worker with threads, all of them together. */
export interface WorkerStats extends WorkerInfo {
  /** Requests that this worker has finished. */
  readonly requests: number;
  readonly errors: number;
  readonly abandoned: number;
  /** Requests in flight. */
  readonly active: number;
  /** Open client connections. */
  readonly connections: number;
  /** Resident memory at the last beat, bytes. */
  readonly rss: number;
  /** Event loop utilisation between the last two beats, 0 to 1; with threads, their mean. */
  readonly elu: number;
  /** The oldest request in flight, if there is one. */
  readonly request?: SlotRequest;
  /** For a worker with threads: those threads that have begun to serve. */
  readonly threads?: readonly ThreadStats[];
}

/**
 * What one thread of a worker last said of itself. The fields mean the same as in {@link WorkerStats}, for this thread
 * alone.
 */
export interface ThreadStats extends Pick<WorkerStats, 'requests' | 'active' | 'connections' | 'elu' | 'request'> {
  /** Its number, from 1. */
  readonly thread: number;
}

/** A slot whose worker died by itself, and that has had no worker since that was ready for two seconds. */
export interface FailingSlot {
  readonly id: number;
  /** Deaths in a row. */
  readonly failures: number;
  /** When it gets another worker, milliseconds since the epoch; undefined when it has got one already. */
  readonly nextAttempt: number | undefined;
}

/** What is known of the workers. */
export interface CrewStats {
  /** The generation that serves; counts the reloads, from 1. */
  readonly generation: number;
  /** Time since `start()`, milliseconds; 0 before. */
  readonly uptime: number;
  /** Whether the worker of some slot died twice in a row or more; see {@link ArbiterEvents.degraded}. */
  readonly degraded: boolean;
  /** Whether all workers have been let go and clients wait; see {@link ArbiterEvents.hold}. */
  readonly held: boolean;
  /** The failing slots, by number, including those whose worker died only once. */
  readonly failing: readonly FailingSlot[];
  readonly totals: StatsTotals;
  /** Time from the call of the handler to the end of its answer; `count` is the same as `totals.requests`. */
  readonly requestTime: Histogram;
  /**
   * Time before the call of the handler. For the first request of a connection, it begins when the connection was
   * accepted; for any other request, when its head had arrived.
   */
  readonly waitTime: Histogram;
  /**
   * How many spares have booted and wait for a slot. They are among the workers, with the state `'spare'` and the id 0.
   */
  readonly spares: number;
  /** Oldest first. */
  readonly workers: readonly WorkerStats[];
}

/** A snapshot of an Arbiter, plain data. */
export interface ArbiterStats<State extends string = string> extends CrewStats {
  readonly name: string;
  readonly pid: number;
  readonly state: State;
  /** How many workers there should be. */
  readonly target: number;
  /**
   * The clients that wait at each address, in the order of `bind`; empty before the addresses are bound, and after the
   * stop.
   */
  readonly queues: readonly QueueStats[];
  readonly saturation: Saturation;
}

/** The saturation when nothing is known. */
export const UNKNOWN: Saturation = { second: undefined, minute: undefined, fiveMinutes: undefined };

function histogram({ counts, sum }: Times): Histogram {
  return { bounds: BOUNDS, counts, count: counts.reduce((all, count) => all + count, 0), sum: sum / 1_000 };
}

/** The stats of an Arbiter that has not been started. */
export const EMPTY_STATS: CrewStats = {
  generation: 1,
  uptime: 0,
  degraded: false,
  held: false,
  failing: [],
  totals: { requests: 0, errors: 0, abandoned: 0, timeouts: 0, crashes: 0, respawns: 0, reloads: 0, recycles: 0 },
  requestTime: histogram(NO_TIMES),
  waitTime: histogram(NO_TIMES),
  spares: 0,
  workers: [],
};

/** A living worker, and what its slots say. */
export interface Known {
  readonly info: WorkerInfo;
  readonly record: SlotRecord | undefined;
}

/** Adds up what outlives the workers. */
export class Tally {
  #requests = 0;
  #errors = 0;
  #abandoned = 0;
  #times: BothTimes = { requestTime: NO_TIMES, waitTime: NO_TIMES };
  timeouts = 0;
  crashes = 0;
  respawns = 0;
  recycles = 0;
  reloads = 0;

  /** Keeps what a dead worker's slot says. */
  bury(record: SlotRecord | undefined): void {
    this.#requests += record?.requests ?? 0;
    this.#errors += record?.errors ?? 0;
    this.#abandoned += record?.abandoned ?? 0;
    if (record) this.#times = addBoth(this.#times, record);
  }

  /** The sums, including what the living workers say. */
  account(living: readonly Known[]): Pick<CrewStats, 'totals' | 'requestTime' | 'waitTime' | 'workers'> {
    const workers = living.map(({ info, record }) => workerStats(info, record));
    const records = living.flatMap(({ record }) => record ?? []);
    const { requestTime, waitTime } = records.reduce<BothTimes>(addBoth, this.#times);
    return {
      totals: this.totals(workers),
      requestTime: histogram(requestTime),
      waitTime: histogram(waitTime),
      workers,
    };
  }

  totals(living: readonly WorkerStats[]): StatsTotals {
    const { timeouts, crashes, respawns, reloads, recycles } = this;
    return {
      requests: living.reduce((sum, worker) => sum + worker.requests, this.#requests),
      errors: living.reduce((sum, worker) => sum + worker.errors, this.#errors),
      abandoned: living.reduce((sum, worker) => sum + worker.abandoned, this.#abandoned),
      timeouts,
      crashes,
      respawns,
      reloads,
      recycles,
    };
  }
}

function addBoth(one: BothTimes, other: BothTimes): BothTimes {
  return {
    requestTime: addTimes(one.requestTime, other.requestTime),
    waitTime: addTimes(one.waitTime, other.waitTime),
  };
}

/** The slots of a process and of its threads as one record: counts are added up, and the oldest request is named. */
export function mergeRecords(records: readonly SlotRecord[]): SlotRecord | undefined {
  const [own, ...threads] = records;
  if (own === undefined || threads.length === 0) return own;
  const sum = (field: 'active' | 'connections' | 'requests' | 'errors' | 'abandoned'): number =>
    records.reduce((total, record) => total + record[field], 0);
  return {
    ...own,
    active: sum('active'),
    connections: sum('connections'),
    requests: sum('requests'),
    errors: sum('errors'),
    abandoned: sum('abandoned'),
    ...records.reduce<BothTimes>(addBoth, { requestTime: NO_TIMES, waitTime: NO_TIMES }),
    // The main thread only supervises.
    elu: threads.reduce((total, { elu }) => total + elu, 0) / threads.length,
    request: requestsOf(records)[0],
  };
}

/** The requests in flight in a process and its threads, the oldest first. */
export function requestsOf(records: readonly SlotRecord[]): SlotRequest[] {
  const requests = records.map(({ request }) => request).filter((request) => request !== undefined);
  return requests.sort((a, b) => a.startedAt - b.startedAt);
}

/** What the slots of a worker say, as one record; with threads, what each of them says. */
export interface WorkerRecord extends SlotRecord {
  readonly threads?: readonly ThreadStats[];
}

/** `threads` are the records of the threads, in the order of their numbers. */
export function withThreads(
  record: SlotRecord | undefined,
  threads: readonly (SlotRecord | undefined)[],
): WorkerRecord | undefined {
  if (record === undefined || threads.length === 0) return record;
  return { ...record, threads: threads.flatMap((each, index) => (each ? [threadStats(index + 1, each)] : [])) };
}

export function workerStats(info: WorkerInfo, record: WorkerRecord | undefined): WorkerStats {
  const { requests = 0, errors = 0, abandoned = 0, active = 0, connections = 0, rss = 0, elu = 0 } = record ?? {};
  const { request, threads } = record ?? {};
  return {
    ...{ ...info, requests, errors, abandoned, active, connections, rss, elu },
    ...(request && { request }),
    ...(threads && { threads }),
  };
}

function threadStats(thread: number, { requests, active, connections, elu, request }: SlotRecord): ThreadStats {
  return { thread, requests, active, connections, elu, ...(request && { request }) };
}

import { addressText } from '../../log/text.js';
import type { MetricType } from '../../protocol/metrics.js';
import type { ArbiterStats, Histogram, StatsTotals, WorkerStats } from '../scoreboard/stats.js';
import type { WorkerState } from '../workers/worker-info.js';
import { type Family, type Labels, numberText } from './exposition.js';

const STATES: readonly WorkerState[] = ['booting', 'spare', 'ready', 'draining'];

const COUNTERS: readonly (readonly [name: string, of: keyof StatsTotals, help: string])[] = [
  ['requests', 'requests', 'Requests that were answered or given up.'],
  ['request_errors', 'errors', 'Requests whose handler threw or rejected.'],
  ['requests_abandoned', 'abandoned', 'Requests that no handler was called for, since their clients had left.'],
  ['worker_timeouts', 'timeouts', 'Workers and threads whose time ran out.'],
  ['worker_crashes', 'crashes', 'Workers and threads that ended without being told to.'],
  ['worker_respawns', 'respawns', 'Workers that replaced one that had ended without an order of the master.'],
  [
    'worker_recycles',
    'recycles',
    'Workers that were replaced because of maxRequests, maxMemory, their descriptors or restart().',
  ],
  ['reloads', 'reloads', 'Reloads that came to their end.'],
];

const SLOT = 'all processes of the slot together: two, while one replaces the other';
/** The gauges of a worker. `merge` makes one value of those of two processes of one slot. */
const GAUGES: readonly (readonly [
  name: string,
  help: string,
  of: (worker: WorkerStats) => number,
  merge: (one: number, other: number) => number,
])[] = [
  ['resident_memory_bytes', `Resident memory; ${SLOT}.`, ({ rss }) => rss, add],
  [
    'event_loop_utilization_ratio',
    'Share of the last second in which the event loop was busy.',
    ({ elu }) => elu,
    Math.max,
  ],
  ['connections', `Open connections of clients; ${SLOT}.`, ({ connections }) => connections, add],
  ['active_requests', `Requests in flight; ${SLOT}.`, ({ active }) => active, add],
];

/** The metrics that an Arbiter has of itself. */
export function families(stats: ArbiterStats, workerClass: string): Family[] {
  const { name, pid, state, workers, target, queues, saturation } = stats;
  const one = (metric: string, type: MetricType, help: string, value: number): Family =>
    many(metric, type, help, [[{}, value]]);
  const many = (
    metric: string,
    type: MetricType,
    help: string,
    values: readonly (readonly [Labels, number | undefined])[],
  ): Family => ({
    ...{ name: `prefork_${metric}`, type, help },
    samples: values.flatMap(([labels, value]) =>
      value === undefined ? [] : [{ name: `prefork_${metric}`, labels: { name, ...labels }, value }],
    ),
  });
  const { second, minute, fiveMinutes } = saturation;
  return [
    many('info', 'gauge', 'What runs; always 1.', [
      [{ worker_class: workerClass, node: process.version, pid: String(pid), state }, 1],
    ]),
    one('uptime_seconds', 'gauge', 'Since the start.', stats.uptime / 1_000),
    one('generation', 'gauge', 'The generation that serves; counts the reloads, from 1.', stats.generation),
    one('degraded', 'gauge', 'Whether a slot fails again and again.', Number(stats.degraded)),
    one('held', 'gauge', 'Whether all workers have been let go and clients wait.', Number(stats.held)),
    one('failing_slots', 'gauge', 'Slots whose worker died, with none since that stayed.', stats.failing.length),
    one('workers_target', 'gauge', 'The number of workers that should be.', target),
    many(
      'workers',
      'gauge',
      'Workers by state.',
      STATES.map((each) => [{ state: each }, workers.filter((worker) => worker.state === each).length]),
    ),
    ...COUNTERS.map(([metric, of, help]) => one(`${metric}_total`, 'counter', help, stats.totals[of])),
    histogram(
      'request_duration_seconds',
      'From the call of the handler to the end of its answer.',
      name,
      stats.requestTime,
    ),
    histogram(
      'request_wait_seconds',
      'Before the call of the handler: since the accept, or on a kept connection since the head of the request was here.',
      name,
      stats.waitTime,
    ),
    ...GAUGES.map(([metric, help, of, merge]) => many(`worker_${metric}`, 'gauge', help, bySlot(workers, of, merge))),
    many(
      'queue_waiting',
      'gauge',
      'Clients that are connected, and that no worker has accepted yet.',
      queues.map(({ address, waiting }) => [{ address: addressText(address) }, waiting]),
    ),
    many(
      'queue_limit',
      'gauge',
      'How many can wait.',
      queues.map(({ address, backlog }) => [{ address: addressText(address) }, backlog]),
    ),
    many('saturation_ratio', 'gauge', 'Share of the last time in which no place was free anywhere.', [
      [{ window: '1s' }, second],
      [{ window: '1m' }, minute],
      [{ window: '5m' }, fiveMinutes],
    ]),
  ];
}

function histogram(metric: string, help: string, name: string, { bounds, counts, count, sum }: Histogram): Family {
  const full = `prefork_${metric}`;
  let below = 0;
  const buckets = [...bounds, Number.POSITIVE_INFINITY].map((bound, index) => {
    below += counts[index] ?? 0;
    return { name: `${full}_bucket`, labels: { name, le: numberText(bound / 1_000) }, value: below };
  });
  const samples = [
    ...buckets,
    { name: `${full}_sum`, labels: { name }, value: sum / 1_000 },
    { name: `${full}_count`, labels: { name }, value: count },
  ];
  return { name: full, type: 'histogram', help, samples };
}

function bySlot(
  workers: readonly WorkerStats[],
  of: (worker: WorkerStats) => number,
  merge: (one: number, other: number) => number,
): [Labels, number][] {
  const slots = new Map<number, number>();
  for (const worker of workers) {
    const before = slots.get(worker.id);
    slots.set(worker.id, before === undefined ? of(worker) : merge(before, of(worker)));
  }
  return [...slots].map(([id, value]) => [{ worker: String(id) }, value]);
}

function add(one: number, other: number): number {
  return one + other;
}

/* The tables of `prefork ctl`. Whatever comes from a client is escaped: it must not act on the terminal. */
import { addressText, duration, printable } from '../log/text.js';
import type { ArbiterStats, WorkerStats } from '../master/scoreboard/stats.js';

/** Requests a second, by the age of the worker. */
export type Rates = ReadonlyMap<number, number>;

interface Column {
  readonly head: string;
  readonly width: number;
  readonly left?: true;
  readonly of: (worker: WorkerStats, now: number, rates: Rates) => string;
}

const COLUMNS: readonly Column[] = [
  { head: 'ID', width: 3, of: ({ id }) => (id === 0 ? '-' : String(id)) },
  { head: 'PID', width: 7, of: ({ pid }) => String(pid ?? '-') },
  { head: 'GEN', width: 3, of: ({ generation }) => String(generation) },
  { head: 'STATE', width: 8, left: true, of: ({ state }) => state },
  { head: 'UP', width: 6, of: ({ spawnedAt }, now) => span(now - spawnedAt) },
  { head: 'REQS', width: 7, of: ({ requests }) => amount(requests) },
  { head: 'REQ/S', width: 5, of: ({ age }, _, rates) => amount(Math.round(rates.get(age) ?? 0)) },
  { head: 'ACT', width: 3, of: ({ active }) => String(active) },
  { head: 'CONN', width: 4, of: ({ connections }) => String(connections) },
  { head: 'MB', width: 4, of: ({ rss }) => (rss / 2 ** 20).toFixed(0) },
  { head: 'ELU', width: 4, of: ({ elu }) => `${Math.round(elu * 100)}%` },
];

/** A heading, and a line for each worker. */
export function workerLines(
  { workers }: Pick<ArbiterStats, 'workers'>,
  { now, columns, rates }: { readonly now: number; readonly columns: number; readonly rates?: Rates | undefined },
): string[] {
  const sorted = [...workers].sort((a, b) => a.id - b.id || a.age - b.age);
  // A rate needs two looks at the counters. After one, its column is left out.
  const shown = rates === undefined ? COLUMNS.filter(({ head }) => head !== 'REQ/S') : COLUMNS;
  const row = (cellOf: (column: Column) => string, last: string): string => {
    const cells = shown.map((column) => {
      const text = cellOf(column);
      return column.left ? text.padEnd(column.width) : text.padStart(column.width);
    });
    return cut(`${cells.join(' ')}  ${last}`.trimEnd(), columns);
  };
  return [
    row(({ head }) => head, 'OLDEST'),
    ...sorted.map((worker) => row(({ of }) => of(worker, now, rates ?? new Map()), requestText(worker.request, now))),
  ];
}

/** The master itself, in a few lines. */
export function masterLines(stats: ArbiterStats, columns: number): string[] {
  const { name, pid, state, generation, uptime, target, workers, totals, queues, spares } = stats;
  const ready = workers.filter((worker) => worker.state === 'ready').length;
  const { requests, errors, timeouts, crashes, respawns, reloads, recycles } = totals;
  return [
    `${printable(name)} (pid ${pid}) is ${state}, generation ${generation}, up ${span(uptime)}`,
    `workers: ${ready} of ${target} ready${spares > 0 ? `, and ${spares} spare` : ''}${warnings(stats)}`,
    `requests: ${requests}, of which ${errors} failed in their handler`,
    `workers lost: ${timeouts} timeouts, ${crashes} crashes; ${respawns} replaced, ${recycles} recycled; reloads: ${reloads}`,
    ...queues.map(({ address, waiting, backlog }) => {
      return `queue of ${addressText(address)}: ${waiting ?? 'unknown how many'} of ${backlog ?? 'unknown'} wait`;
    }),
  ].map((line) => cut(line, columns));
}

function warnings({ held, degraded, failing }: ArbiterStats): string {
  const slots = failing.map(({ id }) => `#${id}`).join(', ');
  return `${held ? '; held: clients wait' : ''}${degraded ? `; degraded: ${slots} fail again and again` : ''}`;
}

function requestText(request: WorkerStats['request'], now: number): string {
  if (!request) return '';
  return `${duration(Math.max(0, now - request.startedAt))} ${printable(request.method)} ${printable(request.url)}`;
}

/** A duration as a text for a narrow column. Milliseconds. */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1_000));
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600), Math.floor(seconds / 60)];
  if (days > 0) return `${days}d${hours % 24}h`;
  if (hours > 0) return `${hours}h${String(minutes % 60).padStart(2, '0')}m`;
  return minutes > 0 ? `${minutes}m${String(seconds % 60).padStart(2, '0')}s` : `${seconds}s`;
}

function amount(number: number): string {
  if (number < 1_000_000) return String(number);
  return number < 1_000_000_000 ? `${(number / 1_000_000).toFixed(1)}M` : `${(number / 1_000_000_000).toFixed(1)}G`;
}

export function cut(line: string, columns: number): string {
  return line.length > columns ? `${line.slice(0, Math.max(0, columns - 1))}…` : line;
}

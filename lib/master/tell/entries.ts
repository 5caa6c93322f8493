import type { LogEntry } from '../../log/lines.js';
import { errorTitle } from '../../log/stack.js';
import { addressText, duration, printable, quoted } from '../../log/text.js';
import type { LogLevel } from '../../options/logger.js';
import type { SlowReport, TimedOutRequest } from '../../protocol/activity.js';
import { workerName } from '../common/names.js';
import type { ExitReason, WorkerInfo } from '../workers/worker-info.js';
import { doingTexts, lastWords, stacksFields } from './doing.js';
import type { ArbiterEvents, WorkerExit, WorkerTimeout } from './events.js';

/** What an entry tells besides the arguments of its event. */
export interface Moment {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** How many workers there should be. */
  readonly workers: number;
  readonly failed: { readonly has: (id: number) => boolean };
}

/** What is logged of an event; undefined if nothing is. */
export function entryOf<E extends keyof ArbiterEvents>(
  event: E,
  args: ArbiterEvents[E],
  moment: Moment,
): LogEntry | undefined {
  const line = TABLE[event](moment, ...args);
  if (line === undefined) return undefined;
  const [level, message, fields] = line;
  return { level, message, fields: { event, ...fields } };
}

type Line = readonly [level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>];
type Table = { readonly [E in keyof ArbiterEvents]: (moment: Moment, ...args: ArbiterEvents[E]) => Line | undefined };

const ORDERED: readonly ExitReason[] = ['stop', 'scale', 'reload', 'recycle'];

/** The level for the end of a worker. An end that was ordered, and that cost nobody a request, is only information. */
export function exitLevel({ reason, request, overdue }: WorkerExit): LogLevel {
  if (!ORDERED.includes(reason)) return 'error';
  return request || overdue ? 'warn' : 'info';
}

const TABLE: Table = {
  listening: (_, address) => ['info', `listening on ${addressText(address)}`, { address }],
  ready: ({ workers }) => [
    'info',
    `ready: ${count(workers, 'worker')}, pid ${process.pid}`,
    // Not `pid`: loggers have a field of that name already.
    { master: process.pid, workers },
  ],
  control: (_, address) => ['info', `control at ${addressText(address)}`, { address }],
  'worker:spawn': (_, worker) => ['debug', `${title(worker)} was spawned`, of(worker)],
  'worker:spare': (_, worker) => ['debug', `${title(worker)} has booted, and waits for a slot`, of(worker)],
  'worker:ready': ({ failed }, worker) =>
    failed.has(worker.id)
      ? ['info', `${title(worker)} is ready, in place of the one that failed`, of(worker)]
      : ['debug', `${title(worker)} is ready`, of(worker)],
  'worker:exit': ({ now }, worker, ended) => {
    const { request, requests = request ? [request] : [], stacks = [], ...exit } = ended;
    const place = exit.thread === undefined ? '' : ` in thread ${exit.thread}`;
    const how = `${exit.reason}, ${howText(exit)}${place}${exit.overdue ? ' when gracefulTimeout was over' : ''}`;
    const message = `${title(worker)} ended (${how})${servingText(requests, exit.active ?? 0, now)}${lastWords(stacks)}`;
    const all = requests.length > 1 && { requests: requests.map((each) => aged(each, now).request) };
    return [
      exitLevel(ended),
      message,
      { ...of(worker), ...exit, ...aged(request, now), ...all, ...stacksFields(stacks) },
    ];
  },
  'worker:timeout': ({ now }, worker, timeout) => {
    const { request, ...rest } = timeout;
    const fields = { ...of(worker), ...rest, elapsed: Math.round(timeout.elapsed), ...aged(request, now) };
    return ['error', timeoutText(worker, timeout, now), fields];
  },
  'worker:slow': ({ now }, worker, report) => {
    const { request, pauses, ...rest } = report;
    const held = { count: pauses.count, total: Math.round(pauses.total) };
    const fields = { ...of(worker), ...rest, age: Math.round(report.age), pauses: held, ...aged(request, now) };
    return ['warn', slowText(worker, report, now), fields];
  },
  'worker:error': (_, worker, err) => ['error', failureText(worker, err), { ...of(worker), err }],
  'worker:warning': (_, worker, { message, ...warning }) => [
    'warn',
    `${titleOf(worker, warning.thread)}: ${printable(message)}${warning.repeated === undefined ? '' : `, and ${warning.repeated} times before`}`,
    { ...of(worker), ...warning },
  ],
  'thread:exit': ({ now }, worker, { request, ...exit }) => {
    const how = `thread ${exit.thread} ended (${exit.reason}, exit code ${exit.code})`;
    const message = `${title(worker)}: ${how}${request ? ` while serving ${requestText(request, now)}` : ''}`;
    return ['warn', message, { ...of(worker), ...exit, ...aged(request, now) }];
  },
  // Nothing is logged: a message is between the application and its host.
  'worker:message': () => undefined,
  'worker:backoff': (_, id, { delay, failures }) => [
    'warn',
    `${workerName(id)} is replaced in ${duration(delay)}, after ${count(failures, 'failure')} in a row`,
    { worker: { id }, delay: Math.round(delay), failures },
  ],
  degraded: (_, slots) => [
    'error',
    `degraded: workers ${slots.map(({ id, failures }) => `#${id} (${failures} times)`).join(', ')} fail again and again`,
    { slots },
  ],
  recovered: () => ['info', 'recovered: no worker fails any more', {}],
  'queue:cut': (_, { asked, backlog }) => [
    'warn',
    `the system holds only ${backlog} waiting clients for each address, and backlog asks for ${asked}: raise net.core.somaxconn, or ask for less`,
    { asked, backlog },
  ],
  'queue:high': (_, queue) => [
    'warn',
    `${addressText(queue.address)}: ${count(queue.waiting, 'client')} wait to be accepted, and the system holds ${queue.backlog}; with more, connecting takes seconds or fails: add workers, or a larger backlog if this is a burst`,
    { ...queue },
  ],
  'queue:normal': (_, queue) => [
    'info',
    `${addressText(queue.address)}: the queue has come down, clients that wait to be accepted: ${queue.waiting}`,
    { ...queue },
  ],
  scale: (_, to, from) => ['info', `scaling from ${from} to ${count(to, 'worker')}`, { to, from }],
  reload: (_, generation) => ['info', `reloading: generation ${generation} begins`, { generation }],
  reloaded: (_, result) => [
    'info',
    `reloaded: generation ${result.generation} serves, ${count(result.replaced, 'worker')} replaced`,
    { ...result },
  ],
  rollback: (_, err) => ['error', errorTitle(err), { err }],
  upgrade: (_, pid) => ['info', `upgraded: the process ${pid} serves too`, { successor: pid }],
  hold: () => [
    'warn',
    'held, by SIGWINCH: all workers go, and clients wait until HUP, TTIN, TTOU or scale() ends it',
    {},
  ],
  resume: () => ['info', 'held no more: workers come again', {}],
  signal: (_, signal, origin) => {
    if (origin === undefined) return ['info', `got ${signal}`, { signal }];
    if (signal === 'SIGHUP') return ['warn', 'the terminal is gone (SIGHUP), so this is a stop', { signal, origin }];
    // While a window is dragged, one comes for each step.
    return ['debug', `got ${signal} of the terminal, which is no order`, { signal, origin }];
  },
  stop: (_, { graceful }) => [
    'info',
    graceful ? 'stopping, after what is in flight' : 'stopping at once',
    { graceful },
  ],
  stopped: () => ['info', 'stopped'],
  error: (_, err) => ['error', errorTitle(err), { err }],
};

const CLOCK_TEXT: Readonly<Record<WorkerTimeout['clock'], (elapsed: string) => string>> = {
  boot: (elapsed) => `not ready after ${elapsed}`,
  request: (elapsed) => `a request not done after ${elapsed}`,
  loop: (elapsed) => `event loop still for ${elapsed}`,
};

function timeoutText(worker: WorkerInfo, timeout: WorkerTimeout, now: number): string {
  const { clock, elapsed, request, hung: doing, pending, thread, answered } = timeout;
  return [
    `${titleOf(worker, thread)}${thread === undefined ? '' : ','} timed out: ${CLOCK_TEXT[clock](duration(elapsed))}`,
    ...(request ? [`serving ${requestText(request, now)}`] : []),
    ...doingTexts({ ...(doing && { doing }), ...(pending && { pending }) }),
    ...(request ? [answered ? 'answered 504' : 'not answered'] : []),
  ].join(', ');
}

function slowText(worker: WorkerInfo, report: SlowReport, now: number): string {
  const { request, age, thread, suppressed } = report;
  const what = request ? 'a request not done' : 'event loop still';
  return [
    `${titleOf(worker, thread)}${thread === undefined ? '' : ','} is slow: ${what} after ${duration(age)}`,
    ...(request ? [`serving ${requestText(request, now)}`] : []),
    ...doingTexts(report),
    ...(suppressed === undefined ? [] : [`and ${count(suppressed, 'slow request')} before that nothing was told of`]),
  ].join(', ');
}

/** Errors that the master has made itself begin with the name of the worker already. */
function failureText(worker: WorkerInfo, error: Error): string {
  const text = errorTitle(error);
  const named = workerName(worker.id);
  return text.startsWith(named) ? title(worker) + text.slice(named.length) : `${title(worker)} failed: ${text}`;
}

function title({ id, pid }: WorkerInfo): string {
  return pid === undefined ? workerName(id) : `${workerName(id)} (pid ${pid})`;
}

/** The worker, with the number of the thread if there is one. */
function titleOf(worker: WorkerInfo, thread: number | undefined): string {
  return thread === undefined ? title(worker) : `${title(worker)}, thread ${thread}`;
}

function of({ id, pid, age, generation }: WorkerInfo): { readonly worker: object } {
  return { worker: { id, pid, age, generation } };
}

function howText({ code, signal }: { readonly code: number | null; readonly signal: string | null }): string {
  if (signal !== null) return signal;
  return code === null ? 'never started' : `exit code ${code}`;
}

/** What a worker was serving when it ended. An async worker names only one of its requests; the others are counted. */
function servingText(requests: readonly TimedOutRequest[], active: number, now: number): string {
  const more = active - requests.length;
  const each = [
    ...requests.map((request) => requestText(request, now)),
    ...(more > 0 ? [requests.length > 0 ? `and ${more} more` : count(more, 'request')] : []),
  ];
  return each.length === 0 ? '' : ` while serving ${each.join('; ')}`;
}

function requestText({ method, url, remoteAddress, startedAt }: TimedOutRequest, now: number): string {
  const from = remoteAddress === undefined ? '' : ` from ${printable(remoteAddress)}`;
  return `${printable(method)} ${quoted(url)}${from}, ${duration(ageOf(startedAt, now))} old`;
}

/** The request with its age in milliseconds. */
function aged(request: TimedOutRequest | undefined, now: number): { readonly request?: object } {
  return request ? { request: { ...request, age: Math.round(ageOf(request.startedAt, now)) } } : {};
}

/** Never negative, though the clock of the system may be set back. */
function ageOf(startedAt: number, now: number): number {
  return Math.max(0, now - startedAt);
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

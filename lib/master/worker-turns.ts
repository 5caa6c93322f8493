import { ArbiterError } from '../errors.js';
import { emitWarning } from '../log/process-warning.js';
import type { TimeoutReport } from '../protocol/messages.js';
import {
  bootTimeoutFailure,
  earlyThreadDeath,
  fatalFailure,
  reportedFailure,
  silentFailure,
} from './crew/boot-failure.js';
import type { Crew } from './crew/crew.js';
import type { Numbers } from './numbers/numbers.js';
import type { Site } from './site/site.js';
import { timeoutReport } from './tell/events.js';
import type { Notifier } from './tell/notify.js';
import { passOn } from './tell/reports.js';
import type { WorkerHandle, WorkerTurn } from './workers/worker-handle.js';

/** What the turns of workers are acted on with. */
export interface Supervision {
  readonly crew: Crew;
  readonly notifier: Notifier;
  readonly numbers: Numbers;
  /** The names of the listening sockets. */
  readonly sockets: readonly string[];
  /** As of the option, milliseconds. */
  readonly bootTimeout: number;
  /** A worker wants a process to end with it. */
  readonly onAdopt: Site['adopt'];
  /** Whether this is the first start, which a failed boot ends. */
  readonly starting: () => boolean;
  readonly onFailedStart: (failure: ArbiterError) => void;
}

/** A method for each kind of turn. */
type WorkerTable = { readonly [T in WorkerTurn['type']]: (turn: Extract<WorkerTurn, { type: T }>) => void };

/** What is done when a worker says something, is late, or ends. */
export function workerTurns(supervision: Supervision): WorkerTable {
  const { crew, notifier, numbers, sockets, bootTimeout, starting, onFailedStart, onAdopt } = supervision;

  /** One failure is enough: at the first start it ends everything, later it is reported and the slot tried again. */
  const onBootFailure = (worker: WorkerHandle, failure: ArbiterError): void => {
    if (worker.failure || worker.leaving) return;
    worker.failure = failure;
    // At the start, and of a reload, the rejection tells of it; else, without a listener or a log, nobody would.
    const told = starting() || crew.takeover.tries(worker);
    if (notifier.listens('worker:error') || told) notifier.emit('worker:error', worker.info(), failure);
    else emitWarning(failure);
    crew.failTrial(worker, failure);
    if (starting()) onFailedStart(failure);
  };
  const onTimeout = (worker: WorkerHandle, report: TimeoutReport): void => {
    crew.timeOut(worker, report);
    if (worker.ready || report.clock !== 'boot') return;
    onBootFailure(worker, bootTimeoutFailure(worker.id, bootTimeout));
  };
  return {
    message: ({ worker, message }) => {
      // A worker that was reaped before its pipe had been read to the end.
      if (!crew.has(worker)) return;
      if (message.type === 'ready') crew.welcome(worker, message.since);
      else if (message.type === 'spare') crew.keep(worker);
      else if (message.type === 'timeout') onTimeout(worker, timeoutReport(message));
      else if (message.type === 'term') crew.asked(worker);
      else if (message.type === 'adopt') onAdopt(worker, message);
      else if (message.type === 'stacks') worker.inquiry.hear(message);
      else if (message.type === 'metrics') numbers.take(worker, message);
      else if (message.type !== 'failed') {
        // Before it is told, so that whoever hears of it finds it counted.
        if (message.type === 'thread' && message.reason === 'crash') crew.tally.crashes++;
        passOn(worker, message, notifier);
      } else if (!worker.ready) onBootFailure(worker, reportedFailure(worker.id, message, sockets));
      if (message.type !== 'thread') return;
      numbers.lose(worker, message.thread);
      const served = message.request !== undefined || crew.evidence.hasServed(worker);
      if (!crew.takeover.excuses(worker, served)) crew.failTrial(worker, earlyThreadDeath(worker, message));
    },
    overdue: ({ worker }) => {
      if (worker.ready || worker.timedOut) return;
      if (worker.leaving) {
        // It does not hear its order: nothing is under way there.
        if (crew.evidence.boots(worker)) worker.signal('SIGKILL');
        return;
      }
      onTimeout(worker, { clock: 'boot', elapsed: worker.lived, answered: false });
      worker.signal('SIGKILL');
    },
    exit: (turn) => {
      const { worker, error, fatal } = turn;
      if (!crew.has(worker)) return;
      const boots = !worker.booted && !crew.evidence.hasServed(worker);
      if (fatal && boots) onBootFailure(worker, reportedFailure(worker.id, fatalFailure(fatal.error), sockets));
      else if (fatal) passOn(worker, { type: 'error', error: fatal.error }, notifier);
      const exit = crew.evidence.explain(turn);
      if (exit.lostMessages) notifier.emit('worker:error', worker.info(), lostWith(worker, exit.lostMessages));
      if (boots) onBootFailure(worker, silentFailure(worker.id, exit, error));
      crew.bury(turn, exit);
      numbers.lose(worker);
    },
    trouble: ({ error }) => notifier.report(error),
    tick: () => crew.tick(),
  };
}

/** Messages of an application that has ended without getting rid of them. */
function lostWith({ id }: WorkerHandle, count: number): ArbiterError {
  const messages =
    count === 1
      ? 'a message that its application had sent was'
      : `${count} messages that its application had sent were`;
  return new ArbiterError(
    'ERR_MESSAGE_LOST',
    `worker ${id} ended, and ${messages} lost: the pipe to the Arbiter was full`,
  );
}

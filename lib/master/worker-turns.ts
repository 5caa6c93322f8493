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

/** What is needed to act on the turns of workers. */
export interface Supervision {
  readonly crew: Crew;
  readonly notifier: Notifier;
  readonly numbers: Numbers;
  /** The names of the listening sockets. */
  readonly sockets: readonly string[];
  /** The option of that name, milliseconds. */
  readonly bootTimeout: number;
  /** Called when a worker wants a process that it has started to end with it. */
  readonly onAdopt: Site['adopt'];
  /** Whether the Arbiter is still starting. A failed boot ends the start. */
  readonly starting: () => boolean;
  readonly onFailedStart: (failure: ArbiterError) => void;
}

/** A method for each kind of turn. */
type WorkerTable = { readonly [T in WorkerTurn['type']]: (turn: Extract<WorkerTurn, { type: T }>) => void };

/** What is done when a worker says something, is late, or ends. */
export function workerTurns(supervision: Supervision): WorkerTable {
  const { crew, notifier, numbers, sockets, bootTimeout, starting, onFailedStart, onAdopt } = supervision;

  /**
   * A worker could not boot; only its first failure counts. During the first start it ends the start. Later it is
   * reported, and the slot is tried again.
   */
  const onBootFailure = (worker: WorkerHandle, failure: ArbiterError): void => {
    if (worker.failure || worker.leaving) return;
    worker.failure = failure;
    // The failure of a start or a reload tells of it too; otherwise, without a listener or a log, only a warning would.
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
      // The worker has been buried before its pipe had been read to the end.
      if (!crew.has(worker)) return;
      if (message.type === 'ready') crew.welcome(worker, message.since);
      else if (message.type === 'spare') crew.keep(worker);
      else if (message.type === 'timeout') onTimeout(worker, timeoutReport(message));
      else if (message.type === 'term') crew.asked(worker);
      else if (message.type === 'adopt') onAdopt(worker, message);
      else if (message.type === 'stacks') worker.inquiry.hear(message);
      else if (message.type === 'metrics') numbers.take(worker, message);
      else if (message.type !== 'failed') {
        // Counted before the event, so that its listeners find the crash in the statistics.
        if (message.type === 'thread' && message.reason === 'crash') crew.tally.crashes++;
        passOn(worker, message, notifier);
      } else if (!worker.ready) onBootFailure(worker, reportedFailure(worker.id, message, sockets));
      if (message.type !== 'thread') return;
      numbers.lose(worker, message.thread);
      const served = message.request !== undefined || crew.evidence.hasServed(worker);
      if (!crew.takeover.excuse(worker, served)) crew.failTrial(worker, earlyThreadDeath(worker, message));
    },
    overdue: ({ worker }) => {
      if (worker.ready || worker.timedOut) return;
      if (worker.leaving) {
        // It has not reacted to its order to end. While it boots, no request is in flight there.
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

/** The error for messages of an application whose worker ended before they were in the pipe. */
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

import type { WorkerMessage } from '../../protocol/messages.js';
import { reviveError } from '../../serialized-error.js';
import type { WorkerHandle } from '../workers/worker-handle.js';
import { slowReport, threadExit, warningOf } from './events.js';
import type { Notifier } from './notify.js';

/** What a worker says that changes no state of the Arbiter. */
type Report = Exclude<
  WorkerMessage,
  { readonly type: 'ready' | 'spare' | 'failed' | 'timeout' | 'term' | 'adopt' | 'stacks' | 'metrics' }
>;

/** Tells the listeners what a worker says of itself, or notes on the worker that it is due for recycling. */
export function passOn(worker: WorkerHandle, report: Report, notifier: Notifier): void {
  if (report.type === 'recycle') worker.markDue(report.why);
  else if (report.type === 'error') {
    worker.lastError = reviveError(report.error);
    notifier.emit('worker:error', worker.info(), worker.lastError);
  } else if (report.type === 'warning') notifier.emit('worker:warning', worker.info(), warningOf(report));
  else if (report.type === 'slow') notifier.emit('worker:slow', worker.info(), slowReport(report));
  else if (report.type === 'thread') notifier.emit('thread:exit', worker.info(), threadExit(report));
  else notifier.emit('worker:message', worker.info(), report.message, { thread: report.thread ?? 0 });
}

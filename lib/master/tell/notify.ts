/* Who learns of what happens: listeners of events, the log, the service manager. Nothing is decided here. */
import { ArbiterError } from '../../errors.js';
import { emitWarning } from '../../log/process-warning.js';
import { messageOf } from '../../serialized-error.js';
import { asTrouble } from '../common/trouble.js';
import type { ArbiterEvents } from './events.js';
import type { Journal } from './journal.js';

/** What emission needs of an EventEmitter. */
interface Emitter {
  emit(event: string, ...args: unknown[]): boolean;
  listenerCount(event: string): number;
}

/** The one place that logs, and that calls the host's listeners. What a listener throws cannot reach the loop. */
export interface Notifier {
  readonly emit: <E extends keyof ArbiterEvents>(event: E, ...args: ArbiterEvents[E]) => void;
  /** Reports a listener that threw, or that was async and rejected. */
  readonly failed: (event: string, cause: unknown, how: 'threw' | 'rejected') => void;
  /**
   * Reports an error that no promise carries. eventemitter3 silently drops an `error` event without a listener. If
   * there is no log either, this emits a process warning.
   */
  readonly report: (error: Error) => void;
  /**
   * Calls back with every event from now on, before its listeners. What the callback throws is reported as an error.
   */
  readonly observe: (observer: Journal) => void;
  /** Whether anybody would learn of an event: a listener, or a reader of the log. */
  readonly listens: (event: keyof ArbiterEvents) => boolean;
}

export function createNotifier(emitter: Emitter, journal?: Journal): Notifier {
  const observers: Journal[] = [];
  const emit: Notifier['emit'] = (event, ...args) => {
    // The log comes first, since what a listener does about the event may be logged too.
    journal?.(event, args);
    for (const observer of observers) {
      try {
        observer(event, args);
      } catch (thrown) {
        if (event !== 'error') report(asTrouble(`what follows '${event}' could not be done`, thrown));
      }
    }
    try {
      emitter.emit(event, ...args);
    } catch (cause) {
      failed(event, cause, 'threw');
    }
  };
  const failed: Notifier['failed'] = (event, cause, how) => {
    const error = new ArbiterError('ERR_LISTENER', `a listener of '${event}' ${how}: ${messageOf(cause)}`, { cause });
    if (event === 'error') emitWarning(error);
    else report(error);
  };
  const listens: Notifier['listens'] = (event) => journal !== undefined || emitter.listenerCount(event) > 0;
  const report: Notifier['report'] = (error) => {
    if (listens('error')) emit('error', error);
    else emitWarning(error);
  };
  return { emit, failed, report, listens, observe: (observer) => void observers.push(observer) };
}

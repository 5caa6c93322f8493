import { ArbiterError } from '../../errors.js';
import { emitWarning } from '../../log/process-warning.js';
import { openSink } from '../../log/sink.js';
import { errorTitle } from '../../log/stack.js';
import type { ResolvedOptions } from '../../options/resolved.js';
import { entryOf } from './entries.js';
import type { ArbiterEvents } from './events.js';
import { FailedSlots } from './failed-slots.js';

/** Logs an event of the Arbiter. It never throws. */
export type Journal = <E extends keyof ArbiterEvents>(event: E, args: ArbiterEvents[E]) => void;

/**
 * The journal that the option `logger` asks for; undefined if it asks for none. `workers` returns how many workers
 * there should be.
 */
export function createJournal(
  { logger, name }: Pick<ResolvedOptions, 'logger' | 'name'>,
  workers: () => number,
): Journal | undefined {
  const sink = openSink(logger, name);
  if (!sink) return undefined;
  let broken = false;
  const failed = new FailedSlots();
  const threw = (cause: unknown): void => {
    // Only once: a logger that always fails would flood standard error.
    if (broken) return;
    broken = true;
    warnOf(cause);
  };
  return (event, args) => {
    try {
      const entry = entryOf(event, args, { now: Date.now(), workers: workers(), failed });
      failed.note(event, args);
      // The logger's methods may be async, against their type. An unhandled rejection would end the host.
      const outcome = entry && (sink(entry) as unknown as Partial<PromiseLike<unknown>> | undefined);
      if (typeof outcome?.then === 'function') outcome.then(undefined, threw);
    } catch (cause) {
      threw(cause);
    }
  };
}

/** Tells the host's own logger to open its file anew, if it can. What the logger throws ends nothing. */
export function reopenLogger(logger: ResolvedOptions['logger']): void {
  if (typeof logger === 'boolean') return;
  try {
    // The logger may return a promise, against its type. An unhandled rejection would end the host.
    Promise.resolve(logger.reopen?.('SIGUSR1')).catch(warnOf);
  } catch (cause) {
    warnOf(cause);
  }
}

function warnOf(cause: unknown): void {
  emitWarning(new ArbiterError('ERR_LISTENER', `the logger threw: ${errorTitle(cause)}`, { cause }));
}

/*
 * Connects the control, the HTTP server of the option `control`, to its Arbiter. This file is loaded only where that
 * option is set. The rest of this folder is loaded with it, and imports nothing of the library but types.
 */
import { ArbiterError } from '../errors.js';
import { jsonLine } from '../log/lines.js';
import { asTrouble } from '../master/common/trouble.js';
import { atHostExit } from '../master/loop/signals.js';
import type { Attend } from '../master/opening.js';
import { bindError } from '../master/sockets/bind-error.js';
import { heritage } from '../master/sockets/heritage.js';
import { BIND_ATTEMPTS, BIND_INTERVAL } from '../master/sockets/listener.js';
import { isBoundFor } from '../master/sockets/unix-socket.js';
import { entryOf } from '../master/tell/entries.js';
import type { ArbiterEvents } from '../master/tell/events.js';
import { FailedSlots } from '../master/tell/failed-slots.js';
import type { Notifier } from '../master/tell/notify.js';
import { formatControl } from '../options/control.js';
import type { ResolvedOptions } from '../options/resolved.js';
import { pace } from '../pace.js';
import { serializeError } from '../serialized-error.js';
import type { Controlled, Source } from './controlled.js';

/** Opens the control of an Arbiter. */
export async function openControlOf(
  address: Exclude<ResolvedOptions['control'], false>,
  arbiter: Controlled,
  options: ResolvedOptions,
  notifier: Notifier,
  abort: AbortSignal,
): ReturnType<Attend> {
  const { openControl } = await import('./server.js');
  const name = `the control at ${formatControl(address)}`;
  const setup = {
    ...{ source: sourceOf(arbiter, notifier, options), predecessor: heritage },
    patience: { attempts: BIND_ATTEMPTS, interval: pace('controlBind', BIND_INTERVAL), isBound: isBoundFor },
    onListening: (place: ArbiterEvents['control'][0]) => notifier.emit('control', place),
    onFailure: (cause: unknown) => notifier.report(bindError(name, cause)),
  };
  const control = await openControl(address, setup, abort).catch((cause) => {
    throw bindError(`${name} (option 'control')`, cause);
  });
  const forget = atHostExit(control.leave, options.signals.length === 0);
  return {
    async close() {
      forget();
      await control.close().catch((cause) => notifier.report(asTrouble(`${name} could not be closed`, cause)));
    },
  };
}

/**
 * An error as plain data. The stack of an {@link ArbiterError} is left out: where in this library it was made helps
 * nobody. Its cause is described in the same way.
 */
function describe(thrown: unknown): object {
  const { stack, cause, ...said } = serializeError(thrown);
  if (!(thrown instanceof ArbiterError)) return { ...said, ...(stack && { stack }), ...(cause && { cause }) };
  return { ...said, ...(cause && { cause: describe(thrown.cause) }) };
}

/** A longer line is passed on without its details. Characters. */
const LONGEST_LINE = 16_384;

/**
 * Where the control has its Arbiter and its events from. Each event becomes the line that the log has for it, whether
 * or not the host logs it.
 */
function sourceOf(arbiter: Controlled, { observe }: Notifier, { name }: ResolvedOptions): Source {
  return {
    arbiter,
    describe,
    observe(observer) {
      const failed = new FailedSlots();
      observe((event, args) => {
        const time = new Date();
        const moment = {
          now: time.getTime(),
          failed,
          get workers() {
            return arbiter.stats().target;
          },
        };
        const entry = entryOf(event, args, moment);
        failed.note(event, args);
        if (entry === undefined) return;
        const line = jsonLine(entry, name, time);
        const short = line.length > LONGEST_LINE ? jsonLine({ ...entry, fields: { event } }, name, time) : line;
        observer({ event, level: entry.level, line: short });
      });
    },
  };
}

import { beatInterval, type ClockLimits } from '../../protocol/spec.js';
import type { Figures } from '../../system/thread-figures.js';

/**
 * Decides when a worker has run out of time, as far as the master can tell. No I/O and no clock of its own: what is
 * known is passed in, as moments of `monotonic()` and as durations, all in milliseconds.
 *
 * What counts is the time that a worker could have used. So silence is not the time since the last beat; it is added up
 * tick by tick. Each tick adds only what the master knows of. It leaves out the time that the master missed itself, and
 * the time that the worker spent in the queue for a CPU.
 */

/**
 * Extra time for a worker with a watchdog. The watchdog acts at the limit; then it finds out where the worker is,
 * answers the clients and tells the master. Milliseconds.
 */
const WATCHDOG_GRACE = 1_500;
/** The same for a worker that boots, where there are no clients to answer. Milliseconds. */
const BOOT_GRACE = 1_000;

/**
 * How long an event loop must be silent before the master ends its worker. Silence begins with a beat, but the loop may
 * have gone on turning for one interval after it. The second interval is the error that {@link spanOfTick} can make.
 */
export function silenceLimit({ timeout, watchdog }: ClockLimits): number {
  return timeout + 2 * beatInterval(timeout) + (watchdog ? WATCHDOG_GRACE : 0);
}

/** How long after its spawn the master ends a worker that is not ready, milliseconds; 0 means never. */
export function bootLimit({ bootTimeout, watchdog }: ClockLimits): number {
  return bootTimeout === 0 ? 0 : bootTimeout + (watchdog ? BOOT_GRACE : 0);
}

/** What is known of a worker at a tick. */
export interface Sign {
  /** When its event loop last reported that it turns. */
  readonly beat: number;
  /** The worker has announced that its event loop will stand still until this moment. */
  readonly patientUntil: number;
  /** What the kernel has counted for its main thread. */
  readonly figures: Figures;
}

/** The time that the master saw pass between two of its ticks. */
export interface Span {
  readonly from: number;
  readonly to: number;
  /** The share of the time between the ticks that this is, 0 to 1. */
  readonly share: number;
}

/** What is remembered of a worker from one tick to the next. */
export interface Silence {
  readonly beat: number;
  readonly figures: Figures;
  /** For how long its event loop has stood still without having announced that, of the time that it could have used. */
  readonly length: number;
  /** The same, including the time for which it had announced that it would stand still. */
  readonly whole: number;
  /** How much of both was counted while the process was stopped; absent once it runs again. */
  readonly stopped?: number;
}

/**
 * The span between two ticks. A tick that comes late saw less time than has passed: the host was busy or stopped, or
 * the whole container was, and its workers with it. So a tick adds at most one interval. When it is late by more than
 * an interval, it adds nothing: the messages that wait in the pipes are to be read first. Each stop can thus count up
 * to an interval that a worker may not have had.
 */
export function spanOfTick(last: number, now: number, interval: number): Span {
  const passed = now - last;
  const seen = passed > 2 * interval ? 0 : Math.min(passed, interval);
  return { from: now - seen, to: now, share: passed > 0 ? seen / passed : 0 };
}

/**
 * Adds a span to a silence, or begins a new one. `before` is undefined for a worker that is seen for the first time.
 *
 * While a worker is stopped, its silence counts: it serves nobody, and its watchdog is stopped with it. When it goes
 * on, what was counted during the stop is taken back. The watchdog does not count a stop either, so the master would
 * otherwise end the worker before the watchdog could get the stack and answer the clients.
 */
export function countSilence(before: Silence | undefined, { beat, patientUntil, figures }: Sign, span: Span): Silence {
  if (before === undefined) return { beat, figures, length: 0, whole: 0 };
  const broken = beat !== before.beat || patientUntil > span.from;
  // The kernel counts a wait only when it is over, so the wait may be longer than this span. A thread that is ready to
  // run has had only the time that it spent on a CPU.
  const waited = Math.max(0, figures.waited - before.figures.waited) * span.share;
  const excused = figures.stopped ? 0 : (before.stopped ?? 0);
  const usedSince = (since: number): number => {
    const passed = Math.max(0, span.to - Math.max(span.from, since));
    return figures.runnable ? Math.min(passed, figures.cpu - before.figures.cpu) : passed - waited;
  };
  return {
    ...{ beat, figures },
    length: Math.max(0, (broken ? 0 : before.length - excused) + usedSince(Math.max(beat, patientUntil))),
    whole: Math.max(0, (beat !== before.beat ? 0 : before.whole - excused) + usedSince(beat)),
    ...(figures.stopped && { stopped: (before.stopped ?? 0) + usedSince(Math.max(beat, patientUntil)) }),
  };
}

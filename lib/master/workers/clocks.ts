import { beatInterval, type ClockLimits } from '../../protocol/spec.js';
import type { Figures } from '../../system/thread-figures.js';

/**
 * When a worker has run out of time, as far as the master can tell. No I/O, no clock: what is known comes in, milliseconds of
 * `monotonic()` and lengths of time.
 *
 * What counts is the time that a worker could have used. So time is added up tick by tick, and each tick adds only what
 * the master knows of: not what it missed itself, nor what the worker spent in the queue for a CPU.
 */

/** A watchdog acts at the limit itself; then it finds out where the worker is, answers the clients and tells the master. */
const WATCHDOG_GRACE = 1_500;
/** The same for a worker that boots: there are no clients. */
const BOOT_GRACE = 1_000;

/**
 * How long the silence of an event loop must last until the master ends its worker. It begins with a beat, and the loop
 * may have gone on turning for an interval; another one is what {@link spanOfTick} can be wrong by.
 */
export function silenceLimit({ timeout, watchdog }: ClockLimits): number {
  return timeout + 2 * beatInterval(timeout) + (watchdog ? WATCHDOG_GRACE : 0);
}

/** How long after its spawn the master ends a worker that is not ready; 0 for never. */
export function bootLimit({ bootTimeout, watchdog }: ClockLimits): number {
  return bootTimeout === 0 ? 0 : bootTimeout + (watchdog ? BOOT_GRACE : 0);
}

/** What is known of a worker at a tick. */
export interface Sign {
  /** When its event loop last said that it turns. */
  readonly beat: number;
  /** It has said that its loop will stand still until then. */
  readonly patientUntil: number;
  /** What the kernel counts of its main thread. */
  readonly figures: Figures;
}

/** The time that the master saw pass between two of its ticks. */
export interface Span {
  readonly from: number;
  readonly to: number;
  /** How much that is of what has passed, 0 to 1. */
  readonly share: number;
}

/** What is remembered of a worker from tick to tick. */
export interface Silence {
  readonly beat: number;
  readonly figures: Figures;
  /** For how long its event loop has stood still, of the time that it could have used. */
  readonly length: number;
  /** The same, with the time in which it was to stand still. */
  readonly whole: number;
  /** How much of both it has been stopped for, if it still is. */
  readonly stopped?: number;
}

/**
 * The span between two ticks. One that came late saw less than has passed: the host was busy, or stopped, or the whole
 * container was, and its workers with it. By more than an interval, it saw nothing: then what waits in the pipes
 * comes first. So a stop adds up to an interval that a worker may not have had.
 */
export function spanOfTick(last: number, now: number, interval: number): Span {
  const passed = now - last;
  const seen = passed > 2 * interval ? 0 : Math.min(passed, interval);
  return { from: now - seen, to: now, share: passed > 0 ? seen / passed : 0 };
}

/**
 * Adds a span to a silence, or begins a new one. `before` is undefined for a worker that is seen for the first time.
 *
 * As long as a worker is stopped, that counts: it serves nobody, and its watchdog is stopped with it. When it goes on it does not any more, as for
 * the watchdog, which else would come too late for the stack and the answers.
 */
export function countSilence(before: Silence | undefined, { beat, patientUntil, figures }: Sign, span: Span): Silence {
  if (before === undefined) return { beat, figures, length: 0, whole: 0 };
  const broken = beat !== before.beat || patientUntil > span.from;
  // A wait is counted when it is over, so it may be longer than this span; one that would run has had what it spent on a CPU.
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

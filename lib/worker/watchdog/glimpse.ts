import type { Debugger, InspectorNotification } from 'node:inspector';
import { setTimeout as delay } from 'node:timers/promises';
import { monotonic } from '../../monotonic.js';
import { ThreadFigures } from '../../system/thread-figures.js';
import type { Glimpse, Looking } from '../insight/look.js';
import { SILENCE } from '../vitals/judge.js';
import type { Vitals } from '../vitals/vitals.js';
import { Absence } from './absence.js';
import { formatFrames, inTraceLimit, isIdle, isUncertain, type TimeLimit } from './trace.js';

/** Native code comes back to JavaScript, or does not: there is no hurry, but the report is to tell of this moment. Milliseconds. */
export const GLIMPSE_LIMIT: TimeLimit = { used: 250, all: 1_000 };

/** A thread that is not kept from running says within that time what it waits for; one that has been on a CPU for so long is at work. Milliseconds, as above. */
const OWN_WORD: TimeLimit = { used: 20, all: 1_000 };
const AT_WORK = 5;
/** By then, an event loop that turns has had a beat. */
const BEAT: TimeLimit = { used: SILENCE, all: 1_000 };

/** So long, roughly, a thread takes to say which scripts it has; nobody else can measure it. Milliseconds. */
export function listing(scripts: number): number {
  return 0.2 + scripts * PER_SCRIPT;
}
const PER_SCRIPT = 0.01;

type Parsed = InspectorNotification<Debugger.ScriptParsedEventDataType>;
type Paused = InspectorNotification<Debugger.PausedEventDataType>;

/** Waits for the stack of a thread as long as it makes sense; undefined when it does not come. */
export async function inGlimpseLimit<T>(
  stack: Promise<T>,
  systemThread: number,
  limit: TimeLimit = GLIMPSE_LIMIT,
): Promise<T | undefined> {
  // One of its own: to look at that of the clock would be to count the same absence twice.
  const figures = ThreadFigures.of(systemThread);
  try {
    return await inTraceLimit(stack, new Absence(figures, monotonic()), limit);
  } finally {
    figures.close();
  }
}

/** Resolves when the thread has had the time to say what it waits for, or is seen at work. */
export async function grace(systemThread: number): Promise<void> {
  const figures = ThreadFigures.of(systemThread);
  const start = monotonic();
  const absence = new Absence(figures, start);
  const { cpu } = figures.read();
  for (let now = start, away = 0; now - start - away < OWN_WORD.used && now - start < OWN_WORD.all; ) {
    absence.expect(now + STEP);
    await delay(STEP);
    if (figures.read().cpu - cpu >= AT_WORK) break;
    now = monotonic();
    away = absence.measure(now);
  }
  figures.close();
}
const STEP = 5;

/**
 * Looks, and says of a thread that was met in its event loop that it waits. Where the first look leaves it open what keeps the thread, there is a
 * second one: if it slept, its event loop has turned by then; if it is busy, it is seen at work.
 */
export async function lookTwice(vitals: Vitals, look: () => Promise<Glimpse>): Promise<Glimpse> {
  const { beat } = vitals.read();
  const first = await look();
  if (first.stack === undefined) return first;
  if (isIdle(first.stack)) return { paused: first.paused, waits: true };
  if (!isUncertain(first.stack)) return first;
  await inGlimpseLimit(new Promise(() => undefined), vitals.systemThread, BEAT);
  const turned = (): boolean => vitals.read().beat !== beat;
  if (turned()) return { paused: first.paused, waits: true };
  const second = await look();
  const paused = first.paused + second.paused;
  const { stack } = second;
  const waits = stack !== undefined && (isIdle(stack) || (isUncertain(stack) && turned()));
  return waits ? { paused, waits } : { ...second, paused };
}

/**
 * Has the main thread of this process stand still for as long as it takes to write down its calls, and go on. From another thread.
 *
 * First it says which scripts it has, and goes on while that is read; only then it is to pause, if that is still wanted. What is sent to it is acted on in its order, when
 * it comes to JavaScript. So a pause that is withdrawn in time never comes: a call of native code is not stopped at its end by somebody who has
 * ceased to wait. A developer who has stopped it at a breakpoint finds it there as before.
 */
export async function glimpseMainThread(systemThread: number, { wanted, seen }: Looking): Promise<Glimpse> {
  const { Session } = process.getBuiltinModule('node:inspector');
  const session = new Session();
  session.connectToMainThread();
  const scripts = new Map<string, string>();
  /** When it had heard that it is to pause. */
  let orderedAt = 0;
  let frames: readonly Debugger.CallFrame[] | undefined;
  session.on('Debugger.scriptParsed', ({ params }: Parsed) => scripts.set(params.scriptId, params.url));
  try {
    await inGlimpseLimit(
      new Promise<string>((resolve, reject) => {
        session.on('Debugger.paused', ({ params }: Paused) => {
          if (frames === undefined) seen(true);
          frames ??= params.callFrames;
          // If it had not heard of the order, the pause is somebody else's, and was there before: it is his to end.
          if (orderedAt > 0) session.post('Debugger.resume');
          // A `debugger` statement may be next, which nobody but this session would stop at: to disable it lets go of that too.
          session.post('Debugger.disable', () => resolve(''));
        });
        session.post('Debugger.enable', (error) => {
          if (error !== null) reject(error);
          else if (!wanted()) resolve('');
          else if (frames === undefined) session.post('Debugger.pause', () => (orderedAt = performance.now()));
        });
      }),
      systemThread,
    );
    if (frames !== undefined) {
      const paused = listing(scripts.size) + (orderedAt === 0 ? 0 : performance.now() - orderedAt);
      return { stack: formatFrames(frames, scripts), paused };
    }
    seen(false);
    session.post('Debugger.disable', () => undefined);
    return { paused: 0 };
  } finally {
    session.disconnect();
  }
}

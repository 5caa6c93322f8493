import type { Debugger, InspectorNotification } from 'node:inspector';
import { setTimeout as delay } from 'node:timers/promises';
import { monotonic } from '../../monotonic.js';
import { ThreadFigures } from '../../system/thread-figures.js';
import type { Glimpse, Looking } from '../insight/look.js';
import { GRACE, SILENCE } from '../vitals/judge.js';
import type { Vitals } from '../vitals/vitals.js';
import { Absence } from './absence.js';
import { formatFrames, inTraceLimit, isIdle, isUncertain, type TimeLimit } from './trace.js';

/**
 * How long to wait for a stack. Native code returns to JavaScript at some time, or never: there is no hurry, but the
 * report is to be about this moment. Milliseconds.
 */
export const GLIMPSE_LIMIT: TimeLimit = { used: 250, all: 1_000 };

/**
 * Within `OWN_WORD`, a thread that can run and only waits says itself what it waits for. One that has been on a CPU for
 * `AT_WORK` is at work. Milliseconds.
 */
const OWN_WORD: TimeLimit = { used: 20, all: 1_000 };
const AT_WORK = 5;

/**
 * Roughly how long a thread takes to list its scripts for a debugger; from another thread that cannot be measured.
 * Milliseconds.
 */
export function listing(scripts: number): number {
  return 0.2 + scripts * PER_SCRIPT;
}
const PER_SCRIPT = 0.01;

type Parsed = InspectorNotification<Debugger.ScriptParsedEventDataType>;
type Paused = InspectorNotification<Debugger.PausedEventDataType>;

/** Waits for the stack of a thread within `limit`; undefined when it does not come. */
export async function inGlimpseLimit<T>(
  stack: Promise<T>,
  systemThread: number,
  limit: TimeLimit = GLIMPSE_LIMIT,
): Promise<T | undefined> {
  // An `Absence` of its own: each keeps the state of its last look, so the watchdog's one must not be used here too.
  const figures = ThreadFigures.of(systemThread);
  try {
    return await inTraceLimit(stack, new Absence(figures, monotonic()), limit);
  } finally {
    figures.close();
  }
}

/** Resolves when the thread has had the time to say what it waits for, or has been seen at work. */
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
 * Looks at a thread, and reports one that was met in its event loop as waiting. Where the first look does not tell what
 * keeps the thread, there is a second one. If the thread slept, its event loop has turned by then; if it is busy, the
 * second look finds it at work.
 */
export async function lookTwice(vitals: Vitals, look: () => Promise<Glimpse>): Promise<Glimpse> {
  const { beat, interval } = vitals.read();
  const first = await look();
  if (first.stack === undefined) return first;
  if (isIdle(first.stack)) return { paused: first.paused, waits: true };
  if (!isUncertain(first.stack)) return first;
  // An event loop that turns has a beat by then.
  const due = { used: Math.max(SILENCE, beat + interval + GRACE - monotonic()), all: 1_000 };
  await inGlimpseLimit(new Promise(() => undefined), vitals.systemThread, due);
  const turned = (): boolean => vitals.read().beat !== beat;
  if (turned()) return { paused: first.paused, waits: true };
  const second = await look();
  const paused = first.paused + second.paused;
  const { stack } = second;
  const waits = stack !== undefined && (isIdle(stack) || (isUncertain(stack) && turned()));
  return waits ? { paused, waits } : { ...second, paused };
}

/**
 * Takes the stack of the main thread of this process, from another thread: pauses it for as long as that takes, and
 * lets it go on.
 *
 * First the main thread lists its scripts, and goes on while the list is read. Only then is it told to pause, if that
 * is still wanted. It acts on what the inspector sends in order, and only when it runs JavaScript. So an order to pause
 * that is withdrawn in time has no effect: a call of native code that returns later is not paused when nobody waits for
 * it any more. If a developer has stopped the thread at a breakpoint, it stays there.
 */
export async function glimpseMainThread(systemThread: number, { wanted, seen }: Looking): Promise<Glimpse> {
  const { Session } = process.getBuiltinModule('node:inspector');
  const session = new Session();
  session.connectToMainThread();
  const scripts = new Map<string, string>();
  /** When the main thread had received the order to pause; 0 before. */
  let orderedAt = 0;
  let frames: readonly Debugger.CallFrame[] | undefined;
  session.on('Debugger.scriptParsed', ({ params }: Parsed) => scripts.set(params.scriptId, params.url));
  try {
    await inGlimpseLimit(
      new Promise<string>((resolve, reject) => {
        session.on('Debugger.paused', ({ params }: Paused) => {
          if (frames === undefined) seen(true);
          frames ??= params.callFrames;
          // If the order had not been received, the pause was there before and belongs to another debugger, which ends
          // it.
          if (orderedAt > 0) session.post('Debugger.resume');
          // The next statement may be a `debugger`, at which only this session would stop: disabling it prevents that
          // too.
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

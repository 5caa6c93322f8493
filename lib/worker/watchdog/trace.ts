import type { Debugger, InspectorNotification } from 'node:inspector';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { monotonic } from '../../monotonic.js';
import { LIBRARY } from '../../options/library.js';
import type { Absence } from './absence.js';

/** How long a thread is waited for, milliseconds: counting only time in which it could run, and counting all time. */
export interface TimeLimit {
  readonly used: number;
  readonly all: number;
}

/** How long to wait for the stack of a thread that hangs: a call that runs native code cannot be interrupted. */
export const TRACE_LIMIT: TimeLimit = { used: 500, all: 10_000 };
const PAUSE = 20;
/** Says that nothing has come yet: the promise that is waited for may resolve with `undefined`. */
const NOTHING: unique symbol = Symbol('nothing');
/** How many lines of a stack are kept. Recursion makes long stacks, of which both ends tell all. */
const FRAMES = 64;
/** Stands for the URL of a script that the inspector has not listed. */
const UNLISTED = 'node:internal';
const OWN = pathToFileURL(LIBRARY).href;

type Parsed = InspectorNotification<Debugger.ScriptParsedEventDataType>;
type Paused = InspectorNotification<Debugger.PausedEventDataType>;

/**
 * The calls of a thread that a debugger has paused, in the form of an error's stack.
 *
 * @param scripts - the URL of each script, by its id: the calls themselves do not always have it. A script that is not
 *   listed is one of Node's: in a thread, Node 26.10 lists none of those that come from its own snapshot.
 */
export function formatFrames(frames: readonly Debugger.CallFrame[], scripts: ReadonlyMap<string, string>): string {
  const urls = frames.map(({ url, location }) => url || (scripts.get(location.scriptId) ?? UNLISTED));
  // The calls of Node and of this library below the application's are left out: they are the same each time.
  const known = urls.findLastIndex((url) => !url.startsWith('node:') && !url.startsWith(OWN)) + 1;
  const lines = frames.slice(0, known || frames.length).map(({ functionName, location }, index) => {
    const where = `${readablePath(urls[index] ?? '')}:${location.lineNumber + 1}:${(location.columnNumber ?? 0) + 1}`;
    return functionName === '' ? `    at ${where}` : `    at ${functionName} (${where})`;
  });
  if (lines.length > FRAMES) lines.splice(FRAMES / 2, lines.length - FRAMES, `    … ${lines.length - FRAMES} more`);
  return lines.join('\n');
}

/**
 * Whether a stack consists of calls of this library, one at least, and of Node only: such a thread has nothing to do,
 * and was met in its event loop.
 */
export function isIdle(stack: string): boolean {
  const lines = stack.split('\n');
  return lines.some(isOwn) && lines.every((line) => isOwn(line) || isNodes(line));
}

/**
 * Whether a stack consists of Node's own calls only. Mostly such a thread slept: what came in to wake it is the first
 * JavaScript in which it could be paused. But Node's own code may be what keeps it busy, too.
 */
export function isUncertain(stack: string): boolean {
  return stack.split('\n').every(isNodes);
}

function isOwn(line: string): boolean {
  return line.includes(LIBRARY);
}

function isNodes(line: string): boolean {
  return /(?:\(|at )node:/.test(line);
}

function readablePath(url: string): string {
  try {
    return url.startsWith('file:') ? fileURLToPath(url) : url || '<anonymous>';
  } catch {
    return url;
  }
}

/** Waits within `limit` for a stack, or for the word that none will come; undefined when neither comes. */
export async function inTraceLimit<T>(
  tracing: Promise<T>,
  absence: Absence,
  limit: TimeLimit = TRACE_LIMIT,
): Promise<T | undefined> {
  const start = monotonic();
  const before = absence.measure(start);
  for (let now = start, away = 0; now - start - away < limit.used && now - start < limit.all; ) {
    absence.expect(now + PAUSE);
    const found = await Promise.race([tracing, delay(PAUSE, NOTHING)]);
    if (found !== NOTHING) return found;
    now = monotonic();
    away = absence.measure(now) - before;
  }
  return undefined;
}

/**
 * The stack of the main thread of this process, taken from another thread. The main thread stays paused. The promise
 * may never settle.
 */
export function traceMainThread(): Promise<string> {
  // Loaded only when it is needed, and synchronously: the order to pause is on its way when this returns.
  const { Session } = process.getBuiltinModule('node:inspector');
  const session = new Session();
  session.connectToMainThread();
  const scripts = new Map<string, string>();
  session.on('Debugger.scriptParsed', ({ params }: Parsed) => scripts.set(params.scriptId, params.url));
  return new Promise((resolve) => {
    session.on('Debugger.paused', ({ params }: Paused) => resolve(formatFrames(params.callFrames, scripts)));
    session.post('Debugger.enable', () => session.post('Debugger.pause'));
  });
}

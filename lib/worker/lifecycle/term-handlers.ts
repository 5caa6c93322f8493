import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { without } from '../insight/pending.js';

/** Between two looks at what is under way, and how long nothing must have been; after how long a wait is told. Milliseconds. */
const LOOK = 50;
const QUIET = 500;
const LONG = 2_000;
/** What the time between two looks is among the resources. */
const OWN = 'Timeout';

type Call = (...args: unknown[]) => unknown;

/** Stands among the application's listeners, so that the signal does not end this process. */
function guard(): void {}

/**
 * From now on, SIGTERM calls `act`, and none of the listeners: what they do, most of all `process.exit`, has its time when the work is done.
 *
 * Node has a signal call that `process.emit` which was there when its first listener came. So ours is there for that moment, and nowhere
 * else: a SIGTERM that the application emits by itself goes to its listeners, and so does whatever else it emits.
 */
export function captureTerm(act: () => void): void {
  const install = (): void => {
    const own = Object.getOwnPropertyDescriptor(process, 'emit');
    const emit = process.emit as (...args: unknown[]) => boolean;
    const capture = (event: string, ...args: unknown[]): boolean => {
      if (event !== 'SIGTERM') return emit.call(process, event, ...args);
      act();
      return true;
    };
    Object.defineProperty(process, 'emit', { value: capture, configurable: true, writable: true });
    process.on('SIGTERM', guard);
    if (own) Object.defineProperty(process, 'emit', own);
    else delete (process as Partial<typeof process>).emit;
  };
  install();
  // Whoever takes all listeners away does not want the signal to end the process in the middle of its work.
  process.on('removeListener', (event, listener) => {
    if (event === 'SIGTERM' && listener === guard) install();
  });
}

/** The application's own listeners. A thread has some too, though a signal never comes there. */
function listeners(): Call[] {
  return process.rawListeners('SIGTERM').filter((listener) => listener !== guard) as Call[];
}

/** Whether the application still listens. One that has ended its work takes its listeners away, and sends the signal again. */
export function hearsTerm(): boolean {
  return listeners().length > 0;
}

/**
 * Calls the application's listeners, and resolves when what they do is done: when their promises have been settled, and, where one has
 * returned none, when for a while nothing has been under way that was not before. They may also end the process. What the first of them
 * throws, when all have been called, this rejects with.
 *
 * @param tell - gets a line for the log, once, where this takes long.
 */
export async function callTermHandlers(tell: (message: string) => void): Promise<void> {
  const all = listeners();
  if (all.length === 0) return;
  const before = process.getActiveResourcesInfo();
  const told = setTimeout(() => tell(waitText(silent ? [...before, OWN] : before)), LONG).unref();
  let silent = false;
  const call = async (listener: Call): Promise<unknown> => {
    const result = listener.call(process, 'SIGTERM', constants.signals.SIGTERM);
    if (typeof (result as { then?: unknown } | undefined)?.then !== 'function') silent = true;
    return result;
  };
  const ended = await Promise.allSettled(all.map(call));
  const failed = ended.find((end) => end.status === 'rejected');
  if (!failed && silent) await quiet(before);
  clearTimeout(told);
  if (failed) throw failed.reason;
}

function waitText(before: readonly string[]): string {
  const kinds = [...new Set(without(process.getActiveResourcesInfo(), before))];
  const what = kinds.length > 0 ? `, under way since: ${kinds.join(', ')}` : '';
  return `its requests are over, and it waits until the application's listeners of SIGTERM have done their work${what}`;
}

async function quiet(before: readonly string[]): Promise<void> {
  for (let rest = QUIET; rest > 0; ) {
    await delay(LOOK);
    rest = without(process.getActiveResourcesInfo(), before).length > 0 ? QUIET : rest - LOOK;
  }
}

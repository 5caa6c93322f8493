import { isMainThread } from 'node:worker_threads';
import { onExit } from 'signal-exit';
import { emitWarning } from '../../log/process-warning.js';
import type { MasterSignal } from '../../options/types.js';
import { system } from '../../system/system.js';

type Occasion = MasterSignal | 'exit';

/**
 * What the Arbiters of this process do on an occasion, and the one listener for all of them: Node warns of more than
 * ten listeners, as of a leak.
 */
interface Shared {
  readonly acts: Set<() => void>;
  readonly listener: () => void;
}

const shared = new Map<Occasion, Shared>();

function sharedOf(occasion: Occasion): Shared {
  const known = shared.get(occasion);
  if (known) return known;
  const acts = new Set<() => void>();
  const made = { acts, listener: () => [...acts].forEach((act) => void act()) };
  shared.set(occasion, made);
  return made;
}

/**
 * Has `act` called on that occasion. Returns what takes this back; with the last `act` of an occasion, the listener is
 * removed.
 */
function hear(occasion: Occasion, act: () => void): () => void {
  const { acts, listener } = sharedOf(occasion);
  // The host may have removed all listeners that there were.
  if (!process.listeners(occasion as MasterSignal).includes(listener)) {
    if (occasion === 'exit') process.on(occasion, listener);
    else system.onSignal(occasion, listener);
  }
  // Wrapped, since the same function may be given twice.
  const own = (): void => act();
  acts.add(own);
  return () => {
    acts.delete(own);
    if (acts.size === 0) process.removeListener(occasion, listener);
  };
}

/** A signal would end the host at once, and its workers with all that they serve. */
const NO_SIGNALS =
  'prefork: this Arbiter runs in a thread, and Node tells signals to the main thread alone: there, have SIGTERM lead to its stop(), and set signals: false';

/** Has each signal do nothing but call `enqueue`. Returns what takes this back. */
export function installSignals(names: readonly MasterSignal[], enqueue: (name: MasterSignal) => void): () => void {
  if (!isMainThread && names.length > 0) emitWarning(Object.assign(new Error(NO_SIGNALS), { name: 'Warning' }));
  const installed: (() => void)[] = [];
  const remove = (): void => {
    for (const forget of installed) forget();
  };
  try {
    for (const name of names) installed.push(hear(name, () => enqueue(name)));
  } catch (error) {
    // Node needs a pipe for its first signal handler, which may fail.
    remove();
    throw error;
  }
  return remove;
}

/**
 * Runs `cleanup` when the host ends without `stop()`: by `process.exit`, an uncaught error, or a signal that nobody
 * handles. Returns what takes this back.
 *
 * signal-exit listens to signals to do so. A host that owns its signals gets no listener for any signal from this
 * library, not even that one. There the exit event takes its place, and the guard is there for a death by signal.
 */
export function atHostExit(cleanup: () => void, ownsSignals: boolean): () => void {
  if (!ownsSignals) return onExit(cleanup);
  return hear('exit', cleanup);
}

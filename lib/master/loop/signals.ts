import { onExit } from 'signal-exit';
import type { MasterSignal } from '../../options/types.js';
import { system } from '../../system/system.js';

/** Installs a handler for each signal that does nothing but call `enqueue`. Returns what removes them. */
export function installSignals(names: readonly MasterSignal[], enqueue: (name: MasterSignal) => void): () => void {
  const installed = new Map<MasterSignal, () => void>();
  const remove = (): void => {
    for (const [name, handler] of installed) process.removeListener(name, handler);
  };
  try {
    for (const name of names) {
      const handler = (): void => enqueue(name);
      installed.set(name, handler);
      system.onSignal(name, handler);
    }
  } catch (error) {
    // Node needs a pipe for the first one.
    remove();
    throw error;
  }
  return remove;
}

/**
 * Runs `cleanup` when the host ends without `stop()`: by `process.exit`, an uncaught error, or a signal that
 * nobody handles. Returns what takes this back.
 *
 * signal-exit listens to signals to do so. A host that owns its signals gets no listener from us, not even
 * that one: there the exit event must do, and the guard for a death by signal.
 */
export function atHostExit(cleanup: () => void, ownsSignals: boolean): () => void {
  if (!ownsSignals) return onExit(cleanup);
  process.on('exit', cleanup);
  return () => process.removeListener('exit', cleanup);
}

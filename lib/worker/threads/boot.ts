import { monotonic } from '../../monotonic.js';
import type { FailedMessage } from '../../protocol/messages.js';
import type { WorkerSpec } from '../../protocol/spec.js';
import { serializeError } from '../../serialized-error.js';

/**
 * When the boot of a thread began, and how long it leaves the clients to other workers (`rest`).
 *
 * @param first - whether it is one of the threads that the process begins with. Their boot began with that of the
 * process.
 * @param away - for how many milliseconds the process has been kept from running so far. They are no part of that boot.
 */
export function bootOf(
  { spawnedAt, rest }: WorkerSpec,
  first: boolean,
  away: number,
): Pick<WorkerSpec, 'spawnedAt' | 'rest'> {
  return first ? { spawnedAt: spawnedAt + away, rest } : { spawnedAt: monotonic(), rest: 0 };
}

export function lateBoot(thread: number, bootTimeout: number): FailedMessage {
  const error = new Error(`thread ${thread} was not ready within bootTimeout (${bootTimeout} ms)`);
  return { type: 'failed', phase: 'boot', error: serializeError(error) };
}

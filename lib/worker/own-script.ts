import { type SerializedError, serializeError } from '../serialized-error.js';
import { nextStep } from './next-step.js';

const HINT =
  "each worker runs the script of the host up to start() or run(): what the master alone is to do there (listen to a port of the host's own, migrate a database) belongs behind `if (!Arbiter.isWorker)`";

/** The script of the host, which a worker of the inline form runs again. */
class OwnScript {
  #state: 'none' | 'runs' | 'arrived' = 'none';

  begin(): void {
    this.#state = 'runs';
  }

  /** It has come to the Arbiter that this worker is for. */
  arrive(): void {
    this.#state = 'arrived';
  }

  get runs(): boolean {
    return this.#state === 'runs';
  }

  get hasArrived(): boolean {
    return this.#state === 'arrived';
  }
}

/** Of this worker; of the module form there is none. */
export const ownScript: OwnScript = new OwnScript();

/**
 * An error of this worker as data, with what to do about it, where that is known. The master has got through the same script: what fails in it here is
 * likely to be what cannot be done twice. That somebody listens already is told when the script may have got further.
 */
export function explained(error: unknown): SerializedError {
  const data = serializeError(error);
  const { code, syscall } = Object(error) as NodeJS.ErrnoException;
  const listens = code === 'EADDRINUSE' && syscall === 'listen';
  const hint = nextStep(data) ?? (ownScript.runs || (ownScript.hasArrived && listens) ? HINT : undefined);
  if (hint === undefined) return data;
  const message = `${data.message} (${hint})`;
  return {
    ...data,
    message,
    ...(data.stack !== undefined && { stack: data.stack.replace(data.message, () => message) }),
  };
}

import type { SerializedError } from '../../serialized-error.js';
import { explained, ownScript } from '../own-script.js';

/**
 * Node's code for a main module whose top-level `await` never settles. https://nodejs.org/api/process.html#exit-codes
 */
const UNSETTLED = 13;
const NOTHING_LEFT =
  'nothing was left that could have gone on: what is awaited there, at the top level of a module, in init() or run() of a worker class or as a promise of the application, never comes';

/**
 * Explains the end of a process, or a thread, that ended by itself before it served. It must be constructed before any
 * code of the application runs.
 */
export class EarlyExit {
  readonly #app: string | undefined;
  readonly #name: string;
  /** The event loop had nothing left to do; the process did not end by `process.exit()`. */
  #ranDry = false;

  constructor({ app, name }: { readonly app: string | undefined; readonly name: string }) {
    this.#app = app;
    this.#name = name;
    process.once('beforeExit', () => {
      this.#ranDry = true;
    });
  }

  /** What to report. To be called on `'exit'`. */
  failure(code: number): SerializedError {
    // Inline form, and the script has ended without starting the Arbiter that this worker is for. That it ended with
    // code 0 then does not mean that it waited for something.
    const isOver = this.#app === undefined && !ownScript.hasArrived;
    const when = isOver
      ? `without a call of run() or start() of the Arbiter named '${this.#name}'`
      : 'before it served';
    const waits = this.#ranDry && (code === UNSETTLED || (code === 0 && !isOver));
    const error = new Error(`the process ended with exit code ${code} ${when}${waits ? `: ${NOTHING_LEFT}` : ''}`);
    return explained(error, code === 0);
  }
}

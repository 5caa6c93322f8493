import { monotonic } from '../monotonic.js';
import type { Applicant } from './admission.js';
import type { Pulse } from './pulse.js';

/**
 * Where connections have places, a request never waits for one; but it may have waited while the event loop stood still. Then its
 * client may have gone, which is known when the loop has turned once more. Those that came meanwhile are accepted one in a turn: so that is
 * looked at for as long as the loop stood still.
 */
export class Stall {
  #suspected = false;
  /** A moment of {@link monotonic}. */
  #until = 0;

  constructor(pulse: Pulse) {
    pulse.onLate((duration) => {
      this.#suspected = true;
      this.#until = monotonic() + duration;
    });
  }

  /** Begins the request, unless its client has gone meanwhile: then `forget` ends what is left of the connection. */
  pass(request: Applicant, forget: () => void): void {
    if (this.#suspected && monotonic() > this.#until) this.#suspected = false;
    if (!this.#suspected) {
      request.start();
      return;
    }
    setImmediate(() =>
      setImmediate(() => {
        if (!request.isGone()) request.start();
        else {
          request.drop();
          forget();
        }
      }),
    );
  }
}

import { monotonic } from '../../monotonic.js';
import type { Applicant } from '../admission/admission.js';
import type { Pulse } from '../vitals/pulse.js';

/**
 * Where connections have places, a request never waits for one; but it may have waited while the event loop stood still. Then its
 * client may have gone, which is known when the loop has turned once more. Those that came meanwhile are accepted one in a turn: so that is
 * looked at for as long as the loop stood still.
 */
export class Stall<Request extends Applicant & { readonly line: object }> {
  readonly #forget: (request: Request) => void;
  /** How many are put off, of each connection that has some: what follows there is not to begin before them. */
  readonly #putOff = new Map<object, number>();
  #suspected = false;
  /** A moment of {@link monotonic}. */
  #until = 0;

  /** @param forget - ends what is left of the connection of a client that has gone. */
  constructor(pulse: Pulse, forget: (request: Request) => void) {
    this.#forget = forget;
    pulse.onLate((duration) => {
      this.#suspected = true;
      this.#until = monotonic() + duration;
    });
  }

  /** Begins the request, unless its client has gone meanwhile. */
  pass(request: Request): void {
    if (this.#suspected && monotonic() > this.#until) this.#suspected = false;
    if (!this.#suspected && (this.#putOff.size === 0 || !this.#putOff.has(request.line))) {
      request.start(0);
      return;
    }
    const { line } = request;
    this.#count(line, 1);
    setImmediate(() =>
      setImmediate(() => {
        this.#count(line, -1);
        if (!request.isGone()) request.start(0);
        else {
          request.drop();
          this.#forget(request);
        }
      }),
    );
  }

  #count(line: object, change: 1 | -1): void {
    const count = (this.#putOff.get(line) ?? 0) + change;
    if (count > 0) this.#putOff.set(line, count);
    else this.#putOff.delete(line);
  }
}

import { monotonic } from '../../monotonic.js';
import type { Applicant } from '../admission/admission.js';
import type { Pulse } from '../vitals/pulse.js';

/**
 * Where places are for connections, a request does not wait for one. But it may have waited while the event loop was
 * blocked, and its client may have gone meanwhile. That is known once the loop has turned again. Connections that came
 * meanwhile are accepted one per turn, so the check goes on for as long as the loop was blocked.
 */
export class Stall<Request extends Applicant & { readonly line: object }> {
  readonly #forget: (request: Request) => void;
  /**
   * How many requests of each line are put off (see `line` of an arrival): later ones must not begin before them. A
   * line without any has no entry.
   */
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

/**
 * A hold, which SIGWINCH asks for: while it is on, no worker is to serve, and clients wait. It may be asked for at any
 * time, but begins only when the start, or a reload that is under way, is over: those workers must be ready once. To
 * ask for workers, by a scale or a reload, takes it back.
 */
export class Hold {
  readonly #tell: (what: 'hold' | 'resume') => void;
  #asked = false;
  #on = false;

  /** @param tell - called when it begins (`hold`), and when it ends (`resume`). */
  constructor(tell: (what: 'hold' | 'resume') => void) {
    this.#tell = tell;
  }

  /** Whether the hold is on. */
  get on(): boolean {
    return this.#on;
  }

  ask(): void {
    this.#asked = true;
  }

  /** Begins the hold, if it was asked for. To be called when it may begin. */
  begin(): void {
    if (!this.#asked) return;
    this.#asked = false;
    if (this.#on) return;
    this.#on = true;
    this.#tell('hold');
  }

  /** Workers are asked for: ends the hold, or drops the request for one. */
  end(): void {
    this.#asked = false;
    if (!this.#on) return;
    this.#on = false;
    this.#tell('resume');
  }
}

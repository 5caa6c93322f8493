/**
 * WINCH: from the moment in which it begins, nobody is to serve, and clients wait. It is asked for at any time, and begins when the start, or a
 * reload that is under way, is over: those workers must be ready once. Who asks for workers meanwhile takes it back.
 */
export class Hold {
  readonly #tell: (what: 'hold' | 'resume') => void;
  #asked = false;
  #on = false;

  /** @param tell - called when it begins (`hold`), and when it ends. */
  constructor(tell: (what: 'hold' | 'resume') => void) {
    this.#tell = tell;
  }

  /** Whether it goes on. */
  get on(): boolean {
    return this.#on;
  }

  ask(): void {
    this.#asked = true;
  }

  /** The moment has come, if anybody has asked. */
  begin(): void {
    if (!this.#asked) return;
    this.#asked = false;
    if (this.#on) return;
    this.#on = true;
    this.#tell('hold');
  }

  /** Workers are asked for. */
  end(): void {
    this.#asked = false;
    if (!this.#on) return;
    this.#on = false;
    this.#tell('resume');
  }
}

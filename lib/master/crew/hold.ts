import type { Notifier } from '../tell/notify.js';

/**
 * WINCH: from the moment in which it begins, nobody is to serve, and clients wait. It is asked for at any time, and begins when the start, or a
 * reload that is under way, is over: those workers must be ready once. Who asks for workers meanwhile takes it back.
 */
export class Hold {
  readonly #notifier: Notifier;
  #asked = false;
  #on = false;

  constructor(notifier: Notifier) {
    this.#notifier = notifier;
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
    this.#notifier.emit('hold');
  }

  /** Workers are asked for. */
  end(): void {
    this.#asked = false;
    if (!this.#on) return;
    this.#on = false;
    this.#notifier.emit('resume');
  }
}

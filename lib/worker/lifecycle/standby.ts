import { takeSlot } from '../context.js';

/** What a spare has prepared. `close` is called if it never gets to serve. */
export type Prepared = { readonly close?: (() => unknown) | undefined } | undefined;

/**
 * The wait of a spare, a worker that has booted in advance: until it gets a slot, perhaps for hours, it serves
 * nobody.
 */
export class Standby {
  #given: (() => void) | undefined;

  get waits(): boolean {
    return this.#given !== undefined;
  }

  /** Resolves when the spare gets a slot; then it continues its boot like any other worker. */
  slot(): Promise<void> {
    return new Promise((resolve) => {
      this.#given = resolve;
    });
  }

  /** Gives the spare this slot. Does nothing if none waits. */
  give(id: number): void {
    if (this.#given === undefined) return;
    takeSlot(id);
    this.#given();
    this.#given = undefined;
  }
}

/** The servant of a spare that waits. It has no requests, so it can end at once. */
export function unused(prepared: Prepared): { stop(): Promise<void>; crash(): void } {
  return { stop: async () => void (await prepared?.close?.()), crash: () => undefined };
}

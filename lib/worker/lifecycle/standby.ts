import { takeSlot } from '../context.js';

/** What a spare has made ready, and what is to be closed if it never gets to serve. */
export type Prepared = { readonly close?: (() => unknown) | undefined } | undefined;

/** A spare between its boot and its slot: it waits, perhaps for hours, and serves nobody. */
export class Standby {
  #given: (() => void) | undefined;

  get waits(): boolean {
    return this.#given !== undefined;
  }

  /** Resolves when it is to take a slot; from then on it boots on, like any other worker. */
  slot(): Promise<void> {
    return new Promise((resolve) => {
      this.#given = resolve;
    });
  }

  /** It takes this slot. Said to who does not wait, it does nothing. */
  give(id: number): void {
    if (this.#given === undefined) return;
    takeSlot(id);
    this.#given();
    this.#given = undefined;
  }
}

/** Who has nothing under way: it can end at once. */
export function unused(prepared: Prepared): { stop(): Promise<void>; crash(): void } {
  return { stop: async () => void (await prepared?.close?.()), crash: () => undefined };
}

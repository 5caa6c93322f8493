import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from './place.js';
import { eventually } from './wait.js';

/** Holds an event loop of the fixture `holds-its-loop`: from a request with this query, until the test frees it. */
export class Hold {
  readonly #path: string;

  constructor(t: TestContext) {
    this.#path = join(temporaryFolder(t), 'loop');
  }

  get query(): string {
    return `?hold=${this.#path}`;
  }

  /** Resolves when the event loop stands still. */
  async begun(): Promise<void> {
    await eventually(() => existsSync(`${this.#path}.held`), 'an event loop that is held');
  }

  free(): void {
    writeFileSync(`${this.#path}.free`, '');
  }
}

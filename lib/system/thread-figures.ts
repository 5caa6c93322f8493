import { readlinkSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { openRunDelay, RunDelay } from './run-delay.js';

/** What the kernel tells of another thread of this process. Linux only; elsewhere nothing is known. */
export class ThreadFigures {
  readonly #fd: number;
  readonly delay: RunDelay;

  /**
   * @param fd - of `openRunDelay()` in that thread. It is closed with the thread, and may be anything then, so it is
   * only read to open one of our own.
   */
  constructor(fd: number) {
    this.#fd = reopen(fd);
    this.delay = new RunDelay(this.#fd);
  }

  /** Whether the system has taken the thread off its list; undefined when nobody knows. */
  get ended(): boolean | undefined {
    if (this.#fd < 0) return undefined;
    try {
      return readSync(this.#fd, Buffer.alloc(1), 0, 1, 0) === 0;
    } catch {
      return true;
    }
  }

  close(): void {
    this.delay.close();
  }
}

function reopen(fd: number): number {
  try {
    const path = readlinkSync(`/proc/self/fd/${fd}`);
    return path.endsWith('/schedstat') ? openRunDelay(dirname(path)) : -1;
  } catch {
    return -1;
  }
}

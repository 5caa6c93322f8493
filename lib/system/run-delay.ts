import { closeSync, openSync, readSync } from 'node:fs';

/** Nanoseconds on a CPU, nanoseconds of waiting for one, number of times: proc(5), /proc/PID/schedstat. */
const LENGTH = 64;

/**
 * How long a thread has been ready to run while others had the CPU. The kernel of Linux counts it; elsewhere there is no
 * such number, and the delay is 0.
 */
export class RunDelay {
  readonly #fd: number;
  readonly #bytes = Buffer.alloc(LENGTH);

  /** @param fd - of {@link openRunDelay}. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Milliseconds since the thread was started. */
  read(): number {
    if (this.#fd < 0) return 0;
    try {
      const length = readSync(this.#fd, this.#bytes, 0, LENGTH, 0);
      return Number(this.#bytes.toString('latin1', 0, length).split(' ')[1] ?? 0) / 1e6;
    } catch {
      // The thread has ended.
      return 0;
    }
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
  }
}

/** Opens the figures of a thread, by default of the one that calls; -1 where there are none. All threads of the process may read it. */
export function openRunDelay(of = '/proc/thread-self'): number {
  try {
    return openSync(`${of}/schedstat`, 'r');
  } catch {
    return -1;
  }
}

/** The milliseconds of a process's main thread so far. Nothing stays open: 7 µs, for one who looks once a second. */
export function runDelayOf(pid: number): number {
  if (process.platform !== 'linux') return 0;
  const delay = new RunDelay(openRunDelay(`/proc/${pid}`));
  const milliseconds = delay.read();
  delay.close();
  return milliseconds;
}

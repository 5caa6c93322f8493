import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { closeQuietly, files } from './files.js';

/** What the kernel has counted for a thread since it was started. Times are in milliseconds. */
export interface Figures {
  /** Time on a CPU. */
  readonly cpu: number;
  /** Time for which it was ready to run, while others had the CPU. A wait that is not over is not included. */
  readonly waited: number;
  /** Whether it runs, or would run if it had a CPU. */
  readonly runnable: boolean;
  /** Whether a signal, or a debugger, has stopped it. */
  readonly stopped?: boolean;
}

const NONE: Figures = { cpu: 0, waited: 0, runnable: false };

/** The kernel's number of the calling thread, by which other threads can look at it; 0 where there is none. */
export function ownThread(): number {
  try {
    return Number(basename(readlinkSync('/proc/thread-self')));
  } catch {
    return 0;
  }
}

/**
 * The figures of a thread of this process, or of the main thread of another process. Known on Linux only; elsewhere all
 * are 0.
 */
export class ThreadFigures {
  readonly #schedstat: number;
  readonly #stat: number;
  readonly #bytes = Buffer.alloc(512);

  /** @param folder - the folder of the thread in /proc. */
  constructor(folder: string) {
    this.#schedstat = open(`${folder}/schedstat`);
    this.#stat = open(`${folder}/stat`);
  }

  /** The figures of another thread of this process, by its number from {@link ownThread}. */
  static of(thread: number): ThreadFigures {
    return new ThreadFigures(`/proc/self/task/${thread}`);
  }

  read(): Figures {
    // Nanoseconds on a CPU, nanoseconds of waiting for one, number of times: proc(5).
    const [cpu, waited] = this.#text(this.#schedstat).split(' ');
    if (waited === undefined) return NONE;
    // The state comes after the name, which may hold anything.
    const stat = this.#text(this.#stat);
    const state = stat.charAt(stat.lastIndexOf(')') + 2);
    const stopped = state === 'T' || state === 't';
    return { cpu: Number(cpu) / 1e6, waited: Number(waited) / 1e6, runnable: state === 'R', stopped };
  }

  /** The figures of a thread that looks at itself. Its state is not read: it has its CPU. */
  get own(): Pick<Figures, 'cpu' | 'waited'> {
    const [cpu, waited = 0] = this.#text(this.#schedstat).split(' ');
    return { cpu: Number(cpu) / 1e6, waited: Number(waited) / 1e6 };
  }

  /** Whether the system has taken the thread off its list; undefined where the system does not tell. */
  get ended(): boolean | undefined {
    return this.#schedstat < 0 ? undefined : this.#text(this.#schedstat) === '';
  }

  close(): void {
    for (const fd of [this.#schedstat, this.#stat]) if (fd >= 0) closeQuietly(fd);
  }

  #text(fd: number): string {
    if (fd < 0) return '';
    try {
      return this.#bytes.toString('latin1', 0, files.readSync(fd, this.#bytes, 0, this.#bytes.length, 0));
    } catch {
      // The thread has ended.
      return '';
    }
  }
}

/** The figures of the main thread of a process, read once. Nothing stays open. */
export function figuresOf(pid: number): Figures {
  if (process.platform !== 'linux') return NONE;
  const figures = new ThreadFigures(`/proc/${pid}`);
  const read = figures.read();
  figures.close();
  return read;
}

function open(path: string): number {
  try {
    return files.openSync(path, 'r');
  } catch {
    return -1;
  }
}

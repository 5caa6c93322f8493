import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { closeQuietly, files } from './files.js';

/** What the kernel counts of a thread, milliseconds since it was started. */
export interface Figures {
  /** On a CPU. */
  readonly cpu: number;
  /** Ready to run, while others had the CPU. A wait that is not over is not in it. */
  readonly waited: number;
  /** Whether it runs, or would, if it had a CPU. */
  readonly runnable: boolean;
  /** Whether a signal, or a debugger, has stopped it. */
  readonly stopped?: boolean;
}

const NONE: Figures = { cpu: 0, waited: 0, runnable: false };

/** The kernel's number of the thread that calls, by which other threads can look at it; 0 where there is none. */
export function ownThread(): number {
  try {
    return Number(basename(readlinkSync('/proc/thread-self')));
  } catch {
    return 0;
  }
}

/** The figures of a thread: of this process, or the main one of another. Known on Linux only; elsewhere all are 0. */
export class ThreadFigures {
  readonly #schedstat: number;
  readonly #stat: number;
  readonly #bytes = Buffer.alloc(512);

  /** @param folder - of the thread, in /proc. */
  constructor(folder: string) {
    this.#schedstat = open(`${folder}/schedstat`);
    this.#stat = open(`${folder}/stat`);
  }

  /** Those of another thread of this process, by its {@link ownThread}. */
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

  /** For a thread that looks at itself: it has its CPU. */
  get own(): Pick<Figures, 'cpu' | 'waited'> {
    const [cpu, waited = 0] = this.#text(this.#schedstat).split(' ');
    return { cpu: Number(cpu) / 1e6, waited: Number(waited) / 1e6 };
  }

  /** Whether the system has taken the thread off its list; undefined when nobody knows. */
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

/** The figures of the main thread of a process, once. Nothing stays open. */
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

import childProcess, { ChildProcess } from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { Kindred } from '../../system/kindred.js';
import { type Kin, killChildren, killKin, strangers } from '../../system/process-group.js';
import { rowOf } from '../../system/process-table.js';

/** How many children of a thread can be noted at the same time. Further ones end with the process, not the thread. */
const ROOM = 256;
/**
 * Indices of 64 bit floats: since when the thread has been waiting for a child in a synchronous call; then the pid and
 * the start time of each child.
 */
const [WAITING, CHILDREN] = [0, 1];
const SIZE = (CHILDREN + 2 * ROOM) * 8;
/**
 * Clock ticks per second, the unit in which Linux shows start times to all programs; and by how many ticks the clocks
 * compared here may differ.
 */
const TICKS = 100;
const TOLERANCE = 2;

/**
 * The child processes that a thread has started, in memory that it shares with the main thread of its process. To the
 * system they are children of the process, which goes on when the thread is ended; so would they.
 */
export class Offspring {
  readonly memory: SharedArrayBuffer;
  readonly #floats: Float64Array;
  readonly #adopted = new Kindred();

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(SIZE)) {
    this.memory = memory;
    this.#floats = new Float64Array(memory);
  }

  /** Notes a child that was started. Returns a function that forgets it. */
  add(pid: number): () => void {
    for (let index = CHILDREN; index < this.#floats.length; index += 2) {
      if (this.#floats[index] !== 0) continue;
      // The pid is written last, since it marks the entry as valid for the main thread.
      this.#floats[index + 1] = rowOf(pid)?.born ?? 0;
      this.#floats[index] = pid;
      return () => {
        this.#floats[index] = 0;
      };
    }
    return () => undefined;
  }

  /** Makes a call that blocks the thread until a child has ended, such as `execSync`. */
  wait<T>(call: () => T): T {
    this.#floats[WAITING] = process.uptime();
    try {
      return call();
    } finally {
      this.#floats[WAITING] = 0;
    }
  }

  /** Since when the thread has been waiting in such a call, seconds of `process.uptime()`; 0 if it does not wait. */
  get waits(): number {
    return this.#floats[WAITING] as number;
  }

  get children(): Kin[] {
    const found: Kin[] = [];
    for (let index = CHILDREN; index < this.#floats.length; index += 2) {
      const [pid = 0, born = 0] = this.#floats.subarray(index, index + 2);
      if (pid > 0) found.push({ pid, born });
    }
    return found;
  }

  /** In the main thread: a process in a process group of its own is to end with the thread. */
  adopt(kin: Kin): void {
    this.#adopted.add(kin);
  }

  /**
   * In the main thread: the thread has ended, or has been told to terminate. Kills the processes that it has started.
   *
   * @param others - the offspring of the threads that live, and of the main thread.
   */
  end(others: readonly Offspring[]): void {
    for (const kin of this.#adopted.living()) killKin(kin);
    const { children } = this;
    // The child of a synchronous call is in no list. It is the child of this process that was started since the call
    // began and that no thread has noted. If another thread waits too, the two cannot be told apart and are left alone.
    const { waits } = this;
    if (waits > 0 && others.every((other) => other.waits === 0)) {
      const since = (rowOf(process.pid)?.born ?? 0) + waits * TICKS - TOLERANCE;
      const known = [...children, ...others.flatMap((other) => other.children)];
      children.push(...strangers(known).filter(({ born }) => born >= since));
    }
    if (children.length > 0) killChildren(children);
  }
}

/** Has each child noted that this thread starts. To be called before any code of the application runs. */
export function noteChildren(offspring: Offspring): void {
  const prototype = ChildProcess.prototype as unknown as { spawn(options: unknown): unknown };
  const { spawn } = prototype;
  prototype.spawn = function (this: ChildProcess, options) {
    const result = spawn.call(this, options);
    if (this.pid !== undefined) this.once('exit', offspring.add(this.pid));
    return result;
  };
  for (const name of ['spawnSync', 'execFileSync', 'execSync'] as const) {
    const original = childProcess[name] as (...args: unknown[]) => unknown;
    Object.assign(childProcess, { [name]: (...args: unknown[]) => offspring.wait(() => original(...args)) });
  }
  syncBuiltinESMExports();
}

import childProcess, { ChildProcess } from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { Kindred } from '../../system/kindred.js';
import { type Kin, killChildren, killKin, strangers } from '../../system/process-group.js';
import { rowOf } from '../../system/process-table.js';

/** So many children of a thread are known at the same time. What is more ends with the process. */
const ROOM = 256;
/** Indices of 64 bit floats: since when the thread waits in a synchronous call for a child, then pid and birth of each child. */
const [WAITING, CHILDREN] = [0, 1];
const SIZE = (CHILDREN + 2 * ROOM) * 8;
/** Ticks of the system in a second, as Linux shows them to all programs; and how many the clocks here may differ by. */
const TICKS = 100;
const TOLERANCE = 2;

/**
 * The children that a thread has started, in memory that it shares with the main thread of its process: to the system they are
 * children of the process, which goes on when the thread is ended, and would keep them for ever.
 */
export class Offspring {
  readonly memory: SharedArrayBuffer;
  readonly #floats: Float64Array;
  readonly #adopted = new Kindred();

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(SIZE)) {
    this.memory = memory;
    this.#floats = new Float64Array(memory);
  }

  /** A child was started. Returns what forgets it. */
  add(pid: number): () => void {
    for (let index = CHILDREN; index < this.#floats.length; index += 2) {
      if (this.#floats[index] !== 0) continue;
      // The pid last: with it, the place is taken.
      this.#floats[index + 1] = rowOf(pid)?.born ?? 0;
      this.#floats[index] = pid;
      return () => {
        this.#floats[index] = 0;
      };
    }
    return () => undefined;
  }

  /** The thread calls something that returns when a child has ended. */
  wait<T>(call: () => T): T {
    this.#floats[WAITING] = process.uptime();
    try {
      return call();
    } finally {
      this.#floats[WAITING] = 0;
    }
  }

  /** Since when it waits so, seconds of `process.uptime()`; 0 if it does not. */
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

  /** In the main thread: a process in a group of its own is to end with the thread. */
  adopt(kin: Kin): void {
    this.#adopted.add(kin);
  }

  /**
   * In the main thread: the thread has ended, or has been told to terminate. Kills what it has started.
   *
   * @param others - of the threads that live, and of the main thread.
   */
  end(others: readonly Offspring[]): void {
    for (const kin of this.#adopted.living()) killKin(kin);
    const { children } = this;
    // What it waits for in a synchronous call is in no list. It must be that which was started since then, and that nobody has
    // noted, unless another one waits too.
    const { waits } = this;
    if (waits > 0 && others.every((other) => other.waits === 0)) {
      const since = (rowOf(process.pid)?.born ?? 0) + waits * TICKS - TOLERANCE;
      const known = [...children, ...others.flatMap((other) => other.children)];
      children.push(...strangers(known).filter(({ born }) => born >= since));
    }
    if (children.length > 0) killChildren(children);
  }
}

/** Notes each child that this thread starts, before the application can. */
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

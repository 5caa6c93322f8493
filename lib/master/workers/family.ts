import { type Child, hasEnded } from '../../system/child.js';
import { Kindred } from '../../system/kindred.js';
import { type Kin, killGroup, killKin, sweepGroup } from '../../system/process-group.js';
import { descends } from '../../system/process-table.js';
import type { Guard } from './guard.js';

/**
 * What a worker has started: all processes in its process group, and those that it has adopted. They end with the
 * worker, however it ends.
 */
export class Family {
  readonly #head: Child;
  readonly #adopted = new Kindred();

  constructor(head: Child) {
    this.#head = head;
    // This must happen first: a moment later, the number of the group might belong to another one.
    head.once('exit', () => {
      if (head.pid !== undefined) sweepGroup(head.pid);
      this.#endAdopted();
    });
  }

  /** Kills the worker too. Once the worker has been reaped, nothing of its family is left, and this does nothing. */
  kill(): void {
    const { pid } = this.#head;
    if (pid === undefined || hasEnded(this.#head)) return;
    this.#endAdopted();
    killGroup(pid);
  }

  /** Adopts a process that the worker has started, and ignores any other. The guard is told too. */
  adopt({ pid, born }: Kin, guard: Guard): void {
    if (this.#head.pid === undefined || !descends(pid, this.#head.pid)) return;
    const before = this.#adopted.add({ pid, born });
    for (const gone of before) guard.forget(gone.pid);
    guard.adopt(pid);
  }

  /** The worker is buried: the guard need not watch what it had adopted any more. */
  forget(guard: Guard): void {
    for (const { pid } of this.#adopted.all) guard.forget(pid);
  }

  #endAdopted(): void {
    for (const kin of this.#adopted.living()) killKin(kin);
  }
}

import { type Child, hasEnded } from '../../system/child.js';
import { Kindred } from '../../system/kindred.js';
import { type Kin, killGroup, killKin, sweepGroup } from '../../system/process-group.js';
import { descends } from '../../system/process-table.js';
import type { Guard } from './guard.js';

/** What a worker has started: all that is in its process group, and what it has adopted. It ends with the worker, however that ends. */
export class Family {
  readonly #head: Child;
  readonly #adopted = new Kindred();

  constructor(head: Child) {
    this.#head = head;
    // First of all that is done then: a moment later, the number of the group might be another's.
    head.once('exit', () => {
      if (head.pid !== undefined) sweepGroup(head.pid);
      this.#endAdopted();
    });
  }

  /** Kills the worker too. Once that has been reaped, what was left is gone. */
  kill(): void {
    const { pid } = this.#head;
    if (pid === undefined || hasEnded(this.#head)) return;
    this.#endAdopted();
    killGroup(pid);
  }

  /** Only what it has started; others are none of its business. The guard is told too. */
  adopt({ pid, born }: Kin, guard: Guard): void {
    if (this.#head.pid === undefined || !descends(pid, this.#head.pid)) return;
    const before = this.#adopted.add({ pid, born });
    for (const gone of before) guard.forget(gone.pid);
    guard.adopt(pid);
  }

  /** The worker is buried. */
  forget(guard: Guard): void {
    for (const { pid } of this.#adopted.all) guard.forget(pid);
  }

  #endAdopted(): void {
    for (const kin of this.#adopted.living()) killKin(kin);
  }
}

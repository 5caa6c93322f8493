import { ownThread, ThreadFigures } from '../../system/thread-figures.js';

let figures: ThreadFigures | undefined;

/** For how long this thread has waited for a CPU since it was started, milliseconds; 0 where the system does not tell. It costs a system call. */
export function cpuWait(): number {
  figures ??= ThreadFigures.of(ownThread());
  return figures.own.waited;
}

/** A step that is late by no more than this may be late just because the CPU is busy. Milliseconds. */
const TOLERABLE = 100;
const LONGEST_STEP = 1_000;

/**
 * Calls back after `limit` milliseconds in which this process was running. The time is counted in steps. A step that
 * ends late does not count: this process had been stopped, perhaps with its workers. The countdown keeps no process
 * alive.
 *
 * @param lost - how many milliseconds until now do not count for another reason; called when the time seems to be over.
 * @returns a function that stops the countdown.
 */
export function countdown(limit: number, act: () => void, lost: () => number = () => 0): () => void {
  let timer: NodeJS.Timeout;
  let last: NodeJS.Immediate;
  let forgiven = 0;
  const finish = (): void => {
    const more = lost() - forgiven;
    forgiven += more;
    if (more > TOLERABLE) step(more);
    else act();
  };
  const step = (left: number): void => {
    const length = Math.min(left, LONGEST_STEP);
    const due = performance.now() + length;
    timer = setTimeout(() => {
      const late = performance.now() - due > Math.max(length, TOLERABLE);
      const rest = late ? left : left - length;
      if (rest > 0) step(rest);
      // What the workers have said meanwhile must be read first, and timers come first in a turn of the event loop;
      // hence setImmediate. It is not unref()'d: with an unref()'d immediate, a loop with nothing else to do would wait
      // until something comes, which took seconds.
      else last = setImmediate(finish);
    }, length).unref();
  };
  step(limit);
  return () => {
    clearTimeout(timer);
    clearImmediate(last);
  };
}

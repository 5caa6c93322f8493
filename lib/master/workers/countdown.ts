/** A step that is no later than this may be late for no other reason than a busy CPU. Milliseconds. */
const TOLERABLE = 100;
const LONGEST_STEP = 1_000;

/**
 * Calls back after `limit` milliseconds in which this process was there. It goes in steps, and one that comes late does
 * not count: this process had been stopped, perhaps with its workers. It keeps no process alive.
 *
 * @param lost - how many milliseconds until now do not count for another reason; asked when the time seems to be over.
 * @returns what stops it.
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
      // What the workers have said meanwhile is read before: timers come first in a turn of the event loop. For one that is unref'd,
      // a loop with nothing else to do would wait until something comes, which took seconds.
      else last = setImmediate(finish);
    }, length).unref();
  };
  step(limit);
  return () => {
    clearTimeout(timer);
    clearImmediate(last);
  };
}

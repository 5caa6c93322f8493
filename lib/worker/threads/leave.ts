import type { WorkerSpec } from '../../protocol/spec.js';
import { DUTY } from '../../scoreboard/scoreboard.js';
import { killOwnGroup } from '../../system/process-group.js';
import { closeSockets } from '../sockets.js';
import { writeDuty } from '../vitals/board.js';
import type { Slot } from '../vitals/slot.js';
import type { ThreadHandle } from './thread-handle.js';

/** How long the threads have to end when their process exits. Milliseconds. */
const LIMIT = 500;
const STEP = 2;

/**
 * To be called when the process is about to exit. Node then waits for its threads, for ever if one is blocked in native
 * code. So the process kills itself if they have not ended within a limit. The master reads its exit code on the
 * scoreboard.
 */
export function leaveThreadsBehind(threads: readonly ThreadHandle[], slot: Slot, code: number): void {
  const left = threads.filter(({ watch }) => watch.lives);
  for (const thread of left) thread.terminate();
  const end = performance.now() + LIMIT;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (left.some(({ watch }) => watch.lives)) {
    if (performance.now() < end) {
      Atomics.wait(pause, 0, 0, STEP);
      continue;
    }
    slot.setExitCode(code);
    killOwnGroup();
  }
}

/**
 * Closes the listening sockets of the process, once none of its threads accepts any more.
 *
 * @param copies - how many copies of the sockets have been given to threads.
 */
export function leaveAllSockets(spec: WorkerSpec, copies: number): void {
  closeSockets(spec, copies);
  for (let thread = 1; thread <= spec.serving.threads; thread++) writeDuty(spec.slot + thread, DUTY.NONE);
}

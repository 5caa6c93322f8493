import type { WorkerSpec } from '../../protocol/spec.js';
import { DUTY } from '../../scoreboard/scoreboard.js';
import { killOwnGroup } from '../../system/process-group.js';
import { closeSockets } from '../sockets.js';
import { writeDuty } from '../vitals/board.js';
import type { Slot } from '../vitals/slot.js';
import type { ThreadHandle } from './thread-handle.js';

/** How long the threads of a process that exits have to end. Milliseconds. */
const LIMIT = 500;
const STEP = 2;

/**
 * For a process that is about to exit. Node waits for its threads then, for ever if one is blocked in native code; so the process
 * kills itself when they have not ended within a limit. The master finds its exit code on the scoreboard.
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

/** No thread of this process accepts any more: so many copies of the sockets have been used. */
export function leaveAllSockets(spec: WorkerSpec, copies: number): void {
  closeSockets(spec, copies);
  for (let thread = 1; thread <= spec.serving.threads; thread++) writeDuty(spec.slot + thread, DUTY.NONE);
}

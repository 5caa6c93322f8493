import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { encodeMessage, FD, type WorkerMessage } from '../protocol.js';

/**
 * Tells the master something, at once: also the last words of a process that is about to exit arrive, which a
 * stream could not promise. What does not fit into the pipe within 100 ms is lost; the master never reads slowly.
 */
export function tellMaster(message: WorkerMessage): void {
  let rest = Buffer.from(encodeMessage(message));
  for (let attempt = 0; rest.length > 0 && attempt < 100; attempt++) {
    try {
      rest = rest.subarray(writeSync(FD.CONTROL, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return; // The master is gone.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/** Calls back once when the master is gone, however it went: nobody else holds the other end of the pipe. */
export function onMasterGone(callback: () => void): void {
  const control = new Socket({ fd: FD.CONTROL, readable: true, writable: false });
  control.on('error', () => undefined);
  control.once('close', callback);
  // Data never comes; the end is seen only by a stream that is read.
  control.resume();
  control.unref();
}

/*
 * The clock of the open loop: a thread that sleeps until each request is due and says so. A timer of the event loop would come up to a
 * millisecond late and be rounded; this comes 0.1 ms late and costs nothing meanwhile.
 */
import { parentPort } from 'node:worker_threads';

const cell = new Int32Array(new SharedArrayBuffer(4));
const now = () => Number(process.hrtime.bigint()) / 1e6;

parentPort.on('message', ({ start, at }) => {
  for (const [index, due] of at.entries()) {
    const wait = start + due - now();
    if (wait > 0) Atomics.wait(cell, 0, 0, wait);
    parentPort.postMessage(index);
  }
});

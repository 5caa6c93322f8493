/*
 * An application that blocks its thread without using the CPU, like one that waits for a synchronous call. Its paths
 * are the names in BLOCKS. Any other path is answered at once.
 */
import hello from './hello.mjs';

/** How long each path blocks, milliseconds. */
export const BLOCKS = { fast: 5, slow: 150, short: 1 };

const cell = new Int32Array(new SharedArrayBuffer(4));

export function block(milliseconds) {
  Atomics.wait(cell, 0, 0, milliseconds);
}

export default (request, response) => {
  const milliseconds = BLOCKS[request.url.slice(1)];
  if (milliseconds !== undefined) block(milliseconds);
  hello(request, response);
};

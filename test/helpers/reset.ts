import type { Socket } from 'node:net';

/**
 * Resets a connection. If its own side is just being ended, it is closed instead: Node 20 to 26 would neither reset nor
 * close it, and this process would spin instead of ending.
 */
export function reset(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  if (isEnding) socket.destroy();
  else socket.resetAndDestroy();
}

import type { ServerHttp2Stream } from 'node:http2';

/**
 * Ends an HTTP/2 stream when its answer has been sent, whatever of its request is still to come: somebody has begun to read that, and will not go on.
 * Node by itself ends only those that nobody has read.
 */
export function endWhenSent(stream: ServerHttp2Stream): void {
  if (stream.destroyed || stream.endAfterHeaders) return;
  // A stream that reads sends its reset behind what it reads, and its client waits until it may send more.
  const end = (): void => void setImmediate(() => stream.pause().destroy());
  if (stream.writableFinished) end();
  else stream.once('finish', end);
}

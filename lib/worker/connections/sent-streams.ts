import type { ServerHttp2Stream } from 'node:http2';

/**
 * Ends an HTTP/2 stream when its answer has been sent, even if a part of the request is still to come. This is for
 * requests whose reader has begun and will not go on: Node by itself ends only streams that nobody has read from.
 */
export function endWhenSent(stream: ServerHttp2Stream): void {
  if (stream.destroyed || stream.endAfterHeaders) return;
  // Paused first: a stream that still reads sends its reset only after what it reads, and its client waits for
  // permission to send more.
  const end = (): void => void setImmediate(() => stream.pause().destroy());
  if (stream.writableFinished) end();
  else stream.once('finish', end);
}

import type net from 'node:net';

/** What is inside a connection. */
interface Handle {
  reading: boolean;
  readonly fd?: number;
  readStop(): number;
}

function handleOf(socket: net.Socket): Handle | null {
  return (socket as unknown as { _handle: Handle | null })._handle;
}

/** The descriptor of a connection that has just been accepted; -1 where there is none. */
export function numberOf(socket: net.Socket): number {
  return handleOf(socket)?.fd ?? -1;
}

/** Whether accepting has failed for want of descriptors: of this process, or of the whole system. */
export function isExhaustion({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EMFILE' || code === 'ENFILE';
}

/**
 * A connection that has been accepted is read at once, and to one that waits nobody listens yet: its `'end'` would be over by the time
 * somebody does, and who has ended its side without a byte would wait for ever; its `'error'`, of a reset, would end the process. Returns
 * what lets it be read.
 */
export function keepUnread(socket: net.Socket): () => void {
  const handle = handleOf(socket);
  if (!handle?.reading) return () => undefined;
  // As Node does it for `pauseOnConnect`, from 20 to 26.
  handle.reading = false;
  handle.readStop();
  return () => socket._read(0);
}

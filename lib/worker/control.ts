import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { decodeTls, encodeMessage, FD, type WorkerMessage, type WorkerSpec } from '../protocol.js';
import type { Link } from './lifecycle.js';
import { sharedBuffer } from './shared.js';
import { closeSockets } from './sockets.js';

/**
 * Tells the master something, at once: also the last words of a process that is about to exit arrive, which a
 * stream could not promise. What does not fit into the pipe within 100 ms is lost; the master never reads slowly.
 */
function tellMaster(message: WorkerMessage): void {
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

/** The link of a worker process: the control pipe, and signals. */
export function linkToMaster(spec: WorkerSpec): Link {
  const control = new Socket({ fd: FD.CONTROL, readable: true, writable: false });
  let line = '';
  let onLine: (() => void) | undefined;
  control.setEncoding('latin1').on('data', (text: string) => {
    // One line comes, or none.
    line += text;
    if (line.endsWith('\n')) onLine?.();
  });
  control.on('error', () => undefined);
  // Without a listener, node opens its inspector on USR1; the application reopens its logs then, if it has any.
  process.on('SIGUSR1', () => undefined);
  // A process that never gets to serve must be able to end.
  control.unref();
  return {
    tell: tellMaster,
    async tls() {
      control.ref();
      if (!line.endsWith('\n')) await new Promise<void>((resolve) => (onLine = resolve));
      control.unref();
      return decodeTls(line);
    },
    onWake: (act) => void process.on('SIGURG', act),
    leaveSockets: () => closeSockets(spec),
    shared: async (name, bytes) => sharedBuffer(name, bytes),
    /** Nobody but the master holds the other end. */
    onGone: (act) => void control.once('close', act),
    onOrders: ({ drain, quit }) => {
      process.on('SIGTERM', () => drain());
      process.on('SIGQUIT', quit);
      // A worker lives on also when it listens to nothing.
      control.ref();
    },
  };
}

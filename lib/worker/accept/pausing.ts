import type net from 'node:net';
import { getSystemErrorName } from 'node:util';

/** The handle inside a `net.Server`: a stream like any other, so it has `readStart` and `readStop` too. */
interface Handle {
  readStart(): number;
  readStop(): number;
  listen(backlog: number): number;
  /** On TCP handles only. */
  setNoDelay?(on: boolean): number;
}

/**
 * Stops a server from accepting, and lets it go on, while its socket stays open. Both calls may be repeated, and do
 * nothing once the server is closed.
 */
export interface Pausing {
  /** Within a connection callback: this was the last accept. Elsewhere: there is none from now on. */
  pause(): void;
  /** If that fails, the server emits `'error'`, as with `listen`. */
  resume(): void;
  /** From now on the system lets only one client at a time into the queue; those that are in it stay. */
  shorten(): void;
}

/**
 * Makes a listening server pausable, or returns undefined where that is not possible. To be called once it listens.
 *
 * libuv has no call to stop listening (libuv#1937), but on Unix a listening stream has the same watcher as one that is
 * read: `uv_read_stop` takes it out of the poll set and `uv_read_start` puts it back, while its callback stays the one
 * that accepts. That holds for streams that were opened from a descriptor, as an inherited one is; those that
 * libuv has bound itself are not readable, and it says ENOTCONN. One event is one accept (libuv#3696, which the oldest
 * Node that we support has), so a pause within the callback is exact.
 *
 * libuv leaves the poll set at the next event only: the first client that comes during a pause wakes this process,
 * once. A paused server does not keep the process alive, like a closed one.
 */
export function createPausing(server: net.Server): Pausing | undefined {
  const handle = handleOf(server);
  if (!isStream(handle)) return undefined;
  // Stopping does nothing to a stream that is not marked as being read.
  if (handle.readStart() !== 0) return undefined;
  let paused = false;
  return {
    pause() {
      if (paused || !server.listening) return;
      paused = true;
      handle.readStop();
    },
    resume() {
      if (!paused || !server.listening) return;
      paused = false;
      const status = handle.readStart();
      if (status !== 0) server.emit('error', resumeError(status));
    },
    shorten() {
      if (!server.listening) return;
      handle.listen(0);
      // `listen` makes the handle accept again, so the pause is repeated.
      handle.readStart();
      if (paused) handle.readStop();
    },
  };
}

/** The handle inside a server, if it listens. */
export function handleOf(server: net.Server): Partial<Handle> | null {
  return (server as unknown as { _handle: Partial<Handle> | null })._handle;
}

function isStream(handle: Partial<Handle> | null): handle is Handle {
  return typeof handle?.readStart === 'function' && typeof handle.readStop === 'function';
}

function resumeError(status: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`cannot accept again: ${code}`), { code, errno: status, syscall: 'accept' });
}

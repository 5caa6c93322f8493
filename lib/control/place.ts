/* Where the control listens (its place), and how the next process takes that place over in an upgrade. */
import { chmodSync, lstatSync, mkdtempSync, renameSync, rmSync, statSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ControlAddress } from '../options/resolved.js';

/**
 * Larger than the number of connections that the control holds: connecting to a Unix socket whose accept queue is full
 * fails at once.
 */
const BACKLOG = 128;

/** The process before this one in an upgrade, which has started this one. */
export interface Predecessor {
  /** Whether it is gone. */
  readonly alone: boolean;
  /** Calls back once the predecessor has stopped or died; at once if it has already. */
  onAlone(act: () => void): void;
}

/** Where a server listens. */
export interface Place {
  /** Undefined while the predecessor still has the port. */
  readonly address: AddressInfo | string | undefined;
  /** Removes the file of a Unix socket. Throws where that cannot be done. */
  leave(): void;
}

/**
 * What to do about an address that is in use, as for those in `bind`: it is tried again, so that the process that has
 * it may finish.
 */
export interface Patience {
  readonly attempts: number;
  /** Milliseconds. */
  readonly interval: number;
  /** Whether a living process has bound a socket to this path, even if it does not listen yet. */
  readonly isBound: (path: string) => boolean;
}

export interface PlaceEvents {
  /** The server listens. Called again when it has moved to another address. */
  readonly onListening: (address: AddressInfo | string) => void;
  /** The server could not take over the place of the predecessor. */
  readonly onFailure: (cause: unknown) => void;
}

/**
 * Makes a server listen. Rejects with the system's error. While the predecessor lives, the place is the predecessor's:
 * a Unix socket then gets its second path first and is renamed later, and a port is opened later.
 */
export async function takePlace(
  server: Server,
  address: ControlAddress,
  predecessor: Predecessor | undefined,
  { onListening, onFailure }: PlaceEvents,
  patience: Patience,
  abort: AbortSignal,
): Promise<Place> {
  const waits = predecessor?.alone === false;
  if (address.kind === 'unix') {
    const { path, second, mode } = address;
    const first = waits ? second : path;
    const open = async (): Promise<SocketFile> => {
      const stale = await refuseTaken(first, patience.isBound);
      return openFile(server, first, mode, stale);
    };
    const file = await persist(open, patience, abort);
    onListening(file.address);
    if (waits) predecessor.onAlone(() => file.moveTo(path, onListening, onFailure));
    return file;
  }
  const listen = async (): Promise<void> => {
    // When the predecessor has ended, this control may have been closed already, or be closed before it has the port.
    if (abort.aborted) return;
    await persist(() => openPort(server, address), patience, abort);
    if (abort.aborted) {
      server.close();
      return;
    }
    onListening(server.address() as AddressInfo);
  };
  if (waits) predecessor.onAlone(() => listen().catch((cause) => abort.aborted || onFailure(cause)));
  else await listen();
  return {
    get address() {
      return (server.address() as AddressInfo | null) ?? undefined;
    },
    leave: () => undefined,
  };
}

async function persist<T>(open: () => Promise<T>, { attempts, interval }: Patience, abort: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await open();
    } catch (error) {
      const isInUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!isInUse || attempt >= attempts || abort.aborted) throw error;
      await delay(interval, undefined, { signal: abort }).catch(() => undefined);
      if (abort.aborted) throw error;
    }
  }
}

async function openPort(server: Server, { host, port }: Extract<ControlAddress, { kind: 'tcp' }>): Promise<void> {
  await listening(server, () => server.listen({ host, port, backlog: BACKLOG, exclusive: true }));
}

/** The file of a Unix socket that this process serves. */
class SocketFile implements Place {
  #path: string;
  readonly #inode: bigint;

  constructor(path: string, inode: bigint) {
    this.#path = path;
    this.#inode = inode;
  }

  get address(): string {
    return this.#path;
  }

  /**
   * Moves the file to the path of the predecessor. That process has ended, so the path is free, or that of a dead
   * socket.
   */
  moveTo(path: string, onMoved: PlaceEvents['onListening'], onFailure: PlaceEvents['onFailure']): void {
    try {
      if (!this.#isOwn()) return;
      renameSync(this.#path, path);
      this.#path = path;
      onMoved(path);
    } catch (cause) {
      onFailure(cause);
    }
  }

  leave(): void {
    // The path may belong to the successor by now.
    if (this.#isOwn()) unlinkSync(this.#path);
  }

  #isOwn(): boolean {
    return lstatSync(this.#path, { bigint: true, throwIfNoEntry: false })?.ino === this.#inode;
  }
}

/**
 * Binds a socket in a temporary folder that is closed to other users, sets its mode there, and renames it to its path.
 * So there is no moment in which another user could connect, and no umask, which would hold for all files of the
 * process. libuv removes the name that it has bound when it closes a socket; that is never the path itself.
 *
 * @param stale - the inode of the file that may be replaced. Another control, of this process or another, may have come
 * to have the path while this one began to listen.
 */
async function openFile(server: Server, path: string, mode: number, stale: bigint | undefined): Promise<SocketFile> {
  const workshop = mkdtempSync(join(dirname(path), '.c'));
  try {
    const draft = join(workshop, 's');
    await listening(server, () => server.listen({ path: draft, backlog: BACKLOG, exclusive: true }));
    chmodSync(draft, mode);
    const { ino } = lstatSync(draft, { bigint: true });
    const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
    if (found !== undefined && found !== stale) throw inUse(path);
    renameSync(draft, path);
    return new SocketFile(path, ino);
  } catch (error) {
    server.close();
    throw error;
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

/**
 * Throws unless the path is free. The socket that a killed master has left may be replaced; anything else stays.
 * Resolves with the inode of such a socket.
 */
async function refuseTaken(path: string, isBound: Patience['isBound']): Promise<bigint | undefined> {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined) {
    // If the folder is missing, this error names it. The error of `mkdtempSync()` would name the temporary folder.
    statSync(dirname(path));
    return undefined;
  }
  if (!found.isSocket()) throw new Error(`${path} is in the way, and not a socket`);
  const code = await probe(path);
  const bound = code === 'ECONNREFUSED' && isBound(path);
  if ((code === 'ECONNREFUSED' && !bound) || code === 'ENOENT') return found.ino;
  // EAGAIN: a process listens there, and its accept queue is full.
  if (code === undefined || code === 'EAGAIN' || bound) throw inUse(path, code);
  throw Object.assign(new Error(`${path}: ${code}`), { code });
}

function inUse(path: string, code = 'in use'): Error {
  return Object.assign(new Error(`${path}: ${code}`), { code: 'EADDRINUSE' });
}

/** Tries to connect. Resolves with undefined when a process listens there, else with the code of the error. */
function probe(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const client = connect(path);
    client.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    client.once('connect', () => {
      client.destroy();
      resolve(undefined);
    });
  });
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      server.removeListener('error', settle);
      server.removeListener('listening', settle);
      if (error) reject(error);
      else resolve();
    };
    server.once('error', settle);
    server.once('listening', settle);
    listen();
  });
}

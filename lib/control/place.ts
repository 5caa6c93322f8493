/* Where the control listens, and what becomes of that place at an upgrade. */
import { chmodSync, lstatSync, mkdtempSync, renameSync, rmSync, statSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ControlAddress } from '../options/resolved.js';

/** More than it holds: a Unix socket whose queue is full refuses at once. */
const BACKLOG = 128;

/** The process before this one, after an upgrade. */
export interface Predecessor {
  readonly alone: boolean;
  /** Calls back once it has stopped, or died; at once if it has. */
  onAlone(act: () => void): void;
}

/** Where a server listens. */
export interface Place {
  /** Undefined while the process before this one has the port. */
  readonly address: AddressInfo | string | undefined;
  /** Removes the file. It throws where that cannot be done. */
  leave(): void;
}

/** As for an address in `bind`: which one is in use, and that it is tried again, so that a predecessor may finish. */
export interface Patience {
  readonly attempts: number;
  /** Milliseconds. */
  readonly interval: number;
  /** Whether a living process has a socket for this path, also one on which nobody listens yet. */
  readonly isBound: (path: string) => boolean;
}

export interface PlaceEvents {
  /** It listens there, or there by now. */
  readonly onListening: (address: AddressInfo | string) => void;
  /** It could not take over the place of the process before this one. */
  readonly onFailure: (cause: unknown) => void;
}

/** Has a server listen. Rejects with the system's error. */
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
    const open = async (): Promise<File> => {
      await refuseTaken(first, patience.isBound);
      return openFile(server, first, mode);
    };
    const file = await persist(open, patience, abort);
    onListening(file.address);
    if (waits) predecessor.onAlone(() => file.moveTo(path, onListening, onFailure));
    return file;
  }
  const listen = async (): Promise<void> => {
    // The process before this one may outlive the control, or end while this one does.
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
      const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!inUse || attempt >= attempts || abort.aborted) throw error;
      await delay(interval, undefined, { signal: abort }).catch(() => undefined);
      if (abort.aborted) throw error;
    }
  }
}

async function openPort(server: Server, { host, port }: Extract<ControlAddress, { kind: 'tcp' }>): Promise<void> {
  await listening(server, () => server.listen({ host, port, backlog: BACKLOG, exclusive: true }));
}

/** The file of a Unix socket that this process serves. */
class File implements Place {
  #path: string;
  readonly #inode: bigint;

  constructor(path: string, inode: bigint) {
    this.#path = path;
    this.#inode = inode;
  }

  get address(): string {
    return this.#path;
  }

  /** The process before this one has ended: its name is free, or that of a dead socket. */
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
    // By now it may be the successor's.
    if (this.#isOwn()) unlinkSync(this.#path);
  }

  #isOwn(): boolean {
    return lstatSync(this.#path, { bigint: true, throwIfNoEntry: false })?.ino === this.#inode;
  }
}

/**
 * It is bound in a folder that is nobody else's, gets its mode, and then its name: so there is no moment in which another user could connect, nor
 * a mask for the files of the whole process. libuv removes the name that it has bound when it closes a socket, which is never the path itself.
 */
async function openFile(server: Server, path: string, mode: number): Promise<File> {
  const workshop = mkdtempSync(join(dirname(path), '.c'));
  try {
    const draft = join(workshop, 's');
    await listening(server, () => server.listen({ path: draft, backlog: BACKLOG, exclusive: true }));
    chmodSync(draft, mode);
    const { ino } = lstatSync(draft, { bigint: true });
    renameSync(draft, path);
    return new File(path, ino);
  } catch (error) {
    server.close();
    throw error;
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

/** What a killed master has left may be replaced; anything else stays where it is. */
async function refuseTaken(path: string, isBound: Patience['isBound']): Promise<void> {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined) {
    // Says ENOENT, and not what the making of a folder in it would.
    statSync(dirname(path));
    return;
  }
  if (!found.isSocket()) throw new Error(`${path} is in the way, and not a socket`);
  const code = await probe(path);
  const bound = code === 'ECONNREFUSED' && isBound(path);
  if ((code === 'ECONNREFUSED' && !bound) || code === 'ENOENT') return;
  // EAGAIN: somebody listens, and the queue is full.
  const inUse = code === undefined || code === 'EAGAIN' || bound;
  throw Object.assign(new Error(`${path}: ${code ?? 'in use'}`), { code: inUse ? 'EADDRINUSE' : code });
}

/** Undefined when somebody accepts there, else the code of the refusal. */
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

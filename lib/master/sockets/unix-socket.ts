/* The files of Unix sockets: one is taken when nobody serves it, gets its mode and owner before anybody can connect, and is removed while it is still ours. */
import { basename, dirname } from 'node:path';
import { debugBind } from '../../debug.js';
import { ArbiterError } from '../../errors.js';
import { draftOf } from '../../options/address.js';
import type { BindAddress } from '../../options/resolved.js';
import { DRAFT } from '../../protocol/spec.js';
import { isBound } from '../../system/bound-paths.js';
import { files } from '../../system/files.js';
import { give } from '../../system/ownership.js';
import { system } from '../../system/system.js';
import { once } from '../common/once.js';

type UnixAddress = Extract<BindAddress, { readonly kind: 'unix' }>;

/** A bound socket, and its file. */
export interface UnixSocket {
  readonly fd: number;
  /** Closes the descriptor, and removes the file. */
  readonly close: () => void;
  /** Closes the descriptor alone. */
  readonly leave: () => void;
}

/**
 * It is bound by another name, and then renamed. libuv removes the name that it has bound when it closes a socket, also
 * when the file is somebody else's by then, or when another process goes on serving it.
 */
export async function bindUnix({ path, mode, owner }: UnixAddress): Promise<UnixSocket> {
  const draft = draftOf(path);
  await removeStaleSocket(draft);
  // Last of all: from this look to the bind there is no wait in which another one could take the path.
  await removeStaleSocket(path);
  const socket = system.bindUnix(draft);
  const { fd } = socket;
  const leave = once(socket.close);
  try {
    // Nobody listens yet, so nobody can connect before the mode and the owner are right.
    if (mode !== undefined) files.chmodSync(draft, mode);
    if (owner !== undefined) give(draft, owner);
    const close = removing(path, inodeOf(draft), leave);
    files.renameSync(draft, path);
    return { fd, close, leave };
  } catch (error) {
    leave();
    throw error;
  }
}

/** Closes, and removes the file of a Unix socket, unless that is another one by now. It throws where the file cannot be removed, and has closed by then. */
export function removing(path: string, inode: bigint | undefined, close: () => void): () => void {
  return once(() => {
    close();
    try {
      removeOwn(path, inode);
    } catch (cause) {
      const message = `the file of the Unix socket ${path} is left, which the next one to bind it replaces: ${(cause as Error).message}`;
      throw new ArbiterError('ERR_CLEANUP', message, { cause });
    }
  });
}

export function inodeOf(path: string): bigint | undefined {
  return files.lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

function removeOwn(path: string, inode: bigint | undefined): void {
  if (inode === undefined) return;
  const found = files.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (found?.ino === inode) files.unlinkSync(path);
  // Of a folder that is gone as a whole, nobody knows what has become of the file.
  else if (found === undefined && !files.statSync(dirname(path)).isDirectory())
    throw new Error('its folder is none any more');
}

/** A socket file that nobody answers for was left by a killed process; anything else stays where it is. */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = files.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined) {
    // libuv says EACCES where the folder is missing.
    files.statSync(dirname(path));
    return;
  }
  if (!found.isSocket()) throw new Error(`${path} is in the way, and not a socket`);
  const code = await probe(path);
  if (code === 'ECONNREFUSED' && isBoundFor(path)) {
    throw Object.assign(new Error(`${path}: bound, not listening yet`), { code: 'EADDRINUSE' });
  }
  if (code === 'ECONNREFUSED') {
    debugBind('%s: stale socket file removed', path);
    files.unlinkSync(path);
  } else if (code !== 'ENOENT') {
    // EAGAIN: somebody listens, and the queue is full.
    const inUse = code === undefined || code === 'EAGAIN';
    throw Object.assign(new Error(`${path}: ${code ?? 'in use'}`), { code: inUse ? 'EADDRINUSE' : code });
  }
}

/** Whether a living process has a socket for this path, also one on which nobody listens yet. */
export function isBoundFor(path: string): boolean {
  const name = basename(path);
  // By another name of the folder, there may have been room for the one and not for the other.
  return isBound(dirname(path), [name, name + DRAFT, basename(draftOf(path))]);
}

/** Undefined when somebody accepts there, else the code of the refusal. */
function probe(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const client = system.connect(path);
    client.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    client.once('connect', () => {
      client.destroy();
      resolve(undefined);
    });
  });
}

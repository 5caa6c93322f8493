/*
 * The files of Unix sockets. A path is taken when nobody serves it. The file gets its mode and owner before anybody can
 * connect, and is removed only while it is still this socket's.
 */
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
 * Binds a Unix socket by another name, and then renames it. When libuv closes a socket, it removes the name that it has
 * bound, also when the file is somebody else's by then, or when another process goes on serving it.
 */
export async function bindUnix({ path, mode, owner }: UnixAddress): Promise<UnixSocket> {
  const draft = draftOf(path);
  await removeStaleSocket(draft);
  await removeStaleSocket(path);
  // Even if nothing is in the way, that check takes a promise's time, in which another Arbiter of this process may have
  // taken the path. Nobody listens there yet, so only the file tells.
  if (inodeOf(path) !== undefined) throw taken(path);
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

/**
 * Returns what closes a Unix socket and removes its file, unless the path is that of another file by now. It closes
 * first, and throws if the file cannot be removed.
 */
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
  // If the whole folder is gone, nobody knows what has become of the file: `statSync` throws then.
  else if (found === undefined && !files.statSync(dirname(path)).isDirectory())
    throw new Error('its folder is none any more');
}

/**
 * Removes a socket file that nobody serves: a killed process has left it. Anything else stays where it is, and is an
 * error.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = files.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined) {
    // Throws ENOENT if the folder is missing, where libuv would say EACCES.
    files.statSync(dirname(path));
    return;
  }
  if (!found.isSocket()) throw new Error(`${path} is in the way, and not a socket`);
  const code = await probe(path);
  if (code === 'ECONNREFUSED' && isBoundFor(path)) throw taken(path);
  if (code === 'ECONNREFUSED') {
    debugBind('%s: stale socket file removed', path);
    files.unlinkSync(path);
  } else if (code !== 'ENOENT') {
    // EAGAIN: somebody listens, and the accept queue is full.
    const inUse = code === undefined || code === 'EAGAIN';
    throw Object.assign(new Error(`${path}: ${code ?? 'in use'}`), { code: inUse ? 'EADDRINUSE' : code });
  }
}

function taken(path: string): Error {
  return Object.assign(new Error(`${path}: bound, not listening yet`), { code: 'EADDRINUSE' });
}

/** Whether a living process has a socket for this path, also one on which nobody listens yet. */
export function isBoundFor(path: string): boolean {
  const name = basename(path);
  // Both forms of the draft's name: which one it got depends on the length of the path, and that process may know the
  // folder by another name.
  return isBound(dirname(path), [name, name + DRAFT, basename(draftOf(path))]);
}

/** Resolves with undefined when somebody accepts there, otherwise with the code of the error. */
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

import { promises as dns } from 'node:dns';
import { chmodSync, fstatSync, lstatSync, readFileSync, statSync, unlinkSync } from 'node:fs';
import net from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { debugBind } from '../debug.js';
import { ArbiterError } from '../errors.js';
import { formatAddress } from '../options/address.js';
import type { BindAddress } from '../options/types.js';
import { type BoundSocket, bindTcp, bindUnix, inspectSocket } from '../system/socket.js';

/** Where an Arbiter serves: a TCP address, the path of a Unix socket, or `fd://N` for an inherited one without a name. */
export type BoundAddress = net.AddressInfo | string;

/** A socket that the workers inherit. The master never listens on it, accepts from it or reads it. */
export interface Listener {
  readonly fd: number;
  readonly address: BoundAddress;
  /** Others may serve it too, and go on when this Arbiter stops: what waits there is left to them. */
  readonly shared: boolean;
  /** Closes the descriptor and removes what was created. An inherited socket is left open. */
  close(): void;
}

/** As Gunicorn: an address in use is tried five times, a second apart, so that a predecessor may finish. */
export const BIND_ATTEMPTS = 5;
export const BIND_INTERVAL = 1000;

/** Binds every address, or none: what was bound before a failure is closed again. Rejects with `ERR_BIND`. */
export async function openListeners(addresses: readonly BindAddress[], signal: AbortSignal): Promise<Listener[]> {
  const open: Listener[] = [];
  try {
    for (const address of addresses) open.push(await openWithRetry(address, signal));
    return open;
  } catch (error) {
    closeListeners(open);
    throw error;
  }
}

export function closeListeners(listeners: readonly Listener[]): void {
  for (const listener of listeners) listener.close();
}

/** The `ERR_BIND` for an address, with the system's error as its cause. */
export function bindError(address: string, cause: unknown): ArbiterError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why = WHY[code ?? ''] ?? message;
  return new ArbiterError('ERR_BIND', `cannot bind ${address}: ${why}`, { cause });
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use by another process (EADDRINUSE)',
  EACCES: 'permission denied (EACCES)',
  EPERM: 'permission denied (EPERM)',
  EADDRNOTAVAIL: 'this machine does not have that address (EADDRNOTAVAIL)',
  ENOENT: 'the directory does not exist (ENOENT)',
  ENOTFOUND: 'the host name is not known (ENOTFOUND)',
  EBADF: 'no such descriptor is open (EBADF)',
};

async function openWithRetry(address: BindAddress, signal: AbortSignal): Promise<Listener> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await openListener(address);
    } catch (error) {
      const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!inUse || attempt === BIND_ATTEMPTS || signal.aborted) throw bindError(formatAddress(address), error);
      debugBind('%s is in use, attempt %d of %d', formatAddress(address), attempt, BIND_ATTEMPTS);
      await delay(BIND_INTERVAL, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function openListener(address: BindAddress): Promise<Listener> {
  switch (address.kind) {
    case 'tcp':
      return openTcp(address.host, address.port);
    case 'unix':
      return openUnix(address.path, address.mode);
    case 'fd':
      return openInherited(address.fd);
  }
}

async function openTcp(host: string | undefined, port: number): Promise<Listener> {
  const socket = host === undefined ? bindEverywhere(port) : bindTcp(await resolveHost(host), port);
  return { fd: socket.fd, address: socket.address as net.AddressInfo, shared: false, close: socket.close };
}

async function resolveHost(host: string): Promise<string> {
  return net.isIP(host) ? host : (await dns.lookup(host)).address;
}

/** As `net.Server#listen` without a host: IPv6 and IPv4 together, or IPv4 alone where the kernel has no IPv6. */
function bindEverywhere(port: number): BoundSocket {
  try {
    return bindTcp('::', port);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL' && code !== 'EINVAL') throw error;
    return bindTcp('0.0.0.0', port);
  }
}

async function openUnix(path: string, mode: number | undefined): Promise<Listener> {
  await removeStaleSocket(path);
  const socket = bindUnix(path);
  // Nobody listens yet, so nobody can connect before the mode is right.
  if (mode !== undefined) chmodSync(path, mode);
  return { fd: socket.fd, address: path, shared: false, close: socket.close };
}

/** A socket file that nobody answers for was left by a killed process; anything else stays where it is. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    // libuv says EACCES where the folder is missing.
    statSync(dirname(path));
    return;
  }
  if (!found.isSocket()) throw new Error('a file that is not a socket is in the way');
  const code = await probe(path);
  if (code === 'ECONNREFUSED' && isBound(path)) {
    throw Object.assign(new Error(`${path}: bound, not listening yet`), { code: 'EADDRINUSE' });
  }
  if (code === 'ECONNREFUSED') {
    debugBind('%s: stale socket file removed', path);
    unlinkSync(path);
  } else if (code !== 'ENOENT') {
    // EAGAIN: somebody listens, and the queue is full.
    const inUse = code === undefined || code === 'EAGAIN';
    throw Object.assign(new Error(`${path}: ${code ?? 'in use'}`), { code: inUse ? 'EADDRINUSE' : code });
  }
}

/** Undefined when somebody accepts there, else the code of the refusal. */
function probe(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const client = net.connect(path);
    client.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    client.once('connect', () => {
      client.destroy();
      resolve(undefined);
    });
  });
}

function openInherited(fd: number): Listener {
  // fstat says EBADF in time; the socket's own functions would fail with an assertion.
  if (!fstatSync(fd).isSocket()) throw new Error(`descriptor ${fd} is not a socket`);
  const { address } = inspectSocket(fd);
  return { fd, address: address ?? `fd://${fd}`, shared: true, close: () => undefined };
}

/** Whether a process has it bound, though nobody listens yet: an Arbiter whose workers still boot. Linux alone tells. */
function isBound(path: string): boolean {
  try {
    return readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      .some((line) => line.endsWith(` ${path}`));
  } catch {
    return false;
  }
}

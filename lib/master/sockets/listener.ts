/* Where clients come in: sockets are bound, taken over and given back. The master accepts nothing. */
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { debugBind } from '../../debug.js';
import { ArbiterError } from '../../errors.js';
import { draftOf, formatAddress } from '../../options/address.js';
import type { BindAddress } from '../../options/resolved.js';
import { files } from '../../system/files.js';
import type { BoundSocket } from '../../system/socket.js';
import { system } from '../../system/system.js';
import { readActivation } from '../../system/systemd.js';
import { once } from '../common/once.js';
import { type OnError, undoNow } from '../common/undo.js';
import { bindError } from './bind-error.js';
import { heritage } from './heritage.js';
import { bindUnix, inodeOf, removeStaleSocket, removing } from './unix-socket.js';

/**
 * Where an Arbiter serves: a TCP address, the path of a Unix socket, or `fd://N` for an inherited one without a name.
 */
export type BoundAddress = net.AddressInfo | string;

/** A socket that the workers inherit. The master never listens on it, accepts from it or reads it. */
export interface Listener {
  readonly fd: number;
  /** How messages name it. */
  readonly name: string;
  /** The address in `bind` that it is for, as text: a successor of this process finds it by that. */
  readonly bind: string;
  readonly address: BoundAddress;
  /** Somebody else has opened it, a service manager for example: it is neither closed nor removed. */
  readonly foreign: boolean;
  /** It was handed down by the process before this one. */
  readonly inherited: boolean;
  /** Closes the descriptor, and removes the file that was created. A foreign socket is left open. */
  close(): void;
  /** Closes the descriptor: another process serves the socket. */
  leave(): void;
}

/**
 * Removes the files of Unix sockets that were left to another process, if nobody serves them: that process has ended by
 * now, too.
 */
export async function sweep(listeners: readonly Listener[]): Promise<void> {
  for (const { address, foreign } of listeners) {
    // Two processes may leave a socket to each other at the same time. At least the last of them finds that nobody
    // serves it.
    if (typeof address === 'string' && !foreign) await removeStaleSocket(address).catch(() => undefined);
  }
}

/** As in Gunicorn: an address in use is tried five times, a second apart, so that a predecessor may finish. */
export const BIND_ATTEMPTS = 5;
export const BIND_INTERVAL = 1000;

/** An address that does not stand for others. */
type OwnAddress = Exclude<BindAddress, { readonly kind: 'systemd' }>;
interface Place {
  readonly name: string;
  readonly bind: string;
  readonly address: OwnAddress;
}

/**
 * Binds every address of the Arbiter of that name, or none: what was bound before a failure is closed again. Rejects
 * with `ERR_BIND`.
 */
export async function openListeners(
  name: string,
  addresses: readonly BindAddress[],
  signal: AbortSignal,
): Promise<Listener[]> {
  const open: Listener[] = [];
  try {
    for (const address of addresses) {
      const inherited = inherit(name, address);
      if (inherited.length > 0) open.push(...inherited);
      else for (const place of placesOf(address)) open.push(await openWithRetry(place, signal));
    }
    return open;
  } catch (error) {
    // Errors of this cleanup are dropped: the failure that led here is the one that is reported.
    const left = open.filter(({ inherited }) => inherited && heritage?.alone === false);
    closeListeners(
      open,
      () => undefined,
      (listener) => left.includes(listener),
    );
    await sweep(left);
    throw error;
  }
}

/**
 * Closes all listeners. Those for which `isLeft` is true are left to another process that serves them. An error of one
 * is reported, and keeps none of the others open.
 */
export function closeListeners(
  listeners: readonly Listener[],
  onError: OnError,
  isLeft: (listener: Listener) => boolean,
): void {
  undoNow(
    listeners.map((listener) => {
      return [`the socket ${listener.name} could not be closed`, isLeft(listener) ? listener.leave : listener.close];
    }),
    onError,
  );
}

/**
 * The sockets that an address stands for. Which ones systemd has passed is known only now, and only to this process: a
 * worker gets them as it gets all others.
 */
function placesOf(address: BindAddress): Place[] {
  const bind = formatAddress(address);
  if (address.kind !== 'systemd') return [{ name: bind, bind, address }];
  const { sockets, came } = readActivation(process.env, process.pid);
  const wanted = sockets.filter(({ name }) => address.name === undefined || name === address.name);
  if (wanted.length > 0) {
    return wanted.map(({ fd, name }) => ({ name: `systemd:${name} (fd://${fd})`, bind, address: { kind: 'fd', fd } }));
  }
  if (address.otherwise) return placesOf(address.otherwise);
  const expected =
    address.name === undefined ? 'a socket passed by systemd' : `a passed socket named '${address.name}'`;
  throw new ArbiterError('ERR_BIND', `cannot bind ${bind}: expected ${expected}, got none: ${came}`);
}

/** The sockets for an address that were handed down by the process before this one. */
function inherit(name: string, address: BindAddress): Listener[] {
  if (!heritage) return [];
  const bind = formatAddress(address);
  const heirlooms = heritage.take(name, bind);
  if (heirlooms.length === 0 && address.kind === 'systemd' && address.otherwise)
    return inherit(name, address.otherwise);
  return heirlooms.map(({ fd, path, foreign }) => {
    const leave = once(() => files.closeSync(fd));
    const close = path === undefined ? leave : removing(path, inodeOf(path), leave);
    const opened = { ...openInherited(fd), ...(path !== undefined && { address: path }) };
    return { ...opened, name: bind, bind, foreign, inherited: true, ...(!foreign && { close, leave }) };
  });
}

async function openWithRetry({ name, bind, address }: Place, signal: AbortSignal): Promise<Listener> {
  for (let attempt = 1; ; attempt++) {
    try {
      return { name, bind, inherited: false, ...(await openListener(address)) };
    } catch (error) {
      const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!inUse || attempt === BIND_ATTEMPTS || signal.aborted) throw bindError(name, error);
      debugBind('%s is in use, attempt %d of %d', name, attempt, BIND_ATTEMPTS);
      await delay(BIND_INTERVAL, undefined, { signal }).catch(() => undefined);
    }
  }
}

type Opened = Omit<Listener, 'name' | 'bind' | 'inherited'>;

async function openListener(address: OwnAddress): Promise<Opened> {
  switch (address.kind) {
    case 'tcp':
      return openTcp(address.host, address.port);
    case 'unix':
      return { ...(await bindUnix(address)), address: address.path, foreign: false };
    case 'fd':
      return openInherited(address.fd);
  }
}

async function openTcp(host: string | undefined, port: number): Promise<Opened> {
  const socket = host === undefined ? bindEverywhere(port) : system.bindTcp(await resolveHost(host), port);
  const { fd, address } = socket;
  const close = once(socket.close);
  return { fd, address: address as net.AddressInfo, foreign: false, close, leave: close };
}

async function resolveHost(host: string): Promise<string> {
  return net.isIP(host) ? host : (await system.lookup(host)).address;
}

/** As `net.Server#listen` without a host: IPv6 and IPv4 together, or IPv4 alone where the kernel has no IPv6. */
function bindEverywhere(port: number): BoundSocket {
  try {
    return system.bindTcp('::', port);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL' && code !== 'EINVAL') throw error;
    return system.bindTcp('0.0.0.0', port);
  }
}

/**
 * The address as the kernel has it: a Unix socket keeps the name that it was bound by, also when its file is renamed.
 */
export function boundName(address: BoundAddress): BoundAddress {
  return typeof address === 'string' ? draftOf(address) : address;
}

function openInherited(fd: number): Opened {
  // fstat says EBADF in time; the socket's own functions would fail with an assertion.
  if (!files.fstatSync(fd, { bigint: true }).isSocket()) throw new Error(`descriptor ${fd} is not a socket`);
  const { address } = system.inspectSocket(fd);
  const leave = (): void => undefined;
  return { fd, address: address ?? `fd://${fd}`, foreign: true, close: leave, leave };
}

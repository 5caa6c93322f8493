import { readFileSync, readlinkSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { inspection, type SocketNames } from './socket.js';

/** The other end of a connection. */
export interface Peer {
  /** An IP address; undefined for a Unix socket. */
  readonly address: string | undefined;
}

/**
 * What the connections of a listening socket have in common with it: the port, or the kernel's name of the path. It
 * stays valid when the socket is closed.
 */
export function localName(address: AddressInfo | string): string {
  return typeof address === 'string' ? Buffer.from(address).toString('latin1') : `:${address.port}`;
}

function portOf(socket: number | string): number | undefined {
  if (typeof socket === 'number') return namesOf(socket)?.address?.port;
  return socket.startsWith(':') ? Number(socket.slice(1)) : undefined;
}

/**
 * Finds those of these descriptors that are connections accepted by one of these listening sockets, and their other
 * ends. A thread that hangs may have closed a connection meanwhile, and opened something else under its number. A
 * connection of the application's own must not get an answer to somebody else's request. For Unix sockets, only Linux
 * tells what they are; elsewhere they are taken for what they were.
 *
 * It must be called by another thread than the one that has the descriptors open: libuv opens nothing twice in one
 * event loop.
 *
 * @param listening - the descriptor of each listening socket, or its {@link localName}.
 */
export function peersOf(fds: readonly number[], listening: readonly (number | string)[]): Map<number, Peer> {
  const ports = new Set(listening.map(portOf));
  const peers = new Map<number, Peer>();
  const isUnix = (fd: number): boolean => {
    const names = namesOf(fd);
    if (names?.peer && names.address && ports.has(names.address.port)) peers.set(fd, { address: names.peer.address });
    return names?.tcp === false;
  };
  const unix = fds.filter(isUnix);
  for (const fd of unix.length > 0 ? acceptedUnix(unix, listening) : []) peers.set(fd, { address: undefined });
  // A descriptor that was a Unix socket before may be another kind of socket by now.
  for (const fd of unix) if (!inspections.has(fd)) isUnix(fd);
  return peers;
}

/**
 * The inspections by descriptor, whatever a descriptor stands for by then. Only the first look at a descriptor opens
 * something.
 */
const inspections = new Map<number, () => SocketNames>();

function namesOf(fd: number): SocketNames | undefined {
  try {
    const ask = inspections.get(fd) ?? inspection(fd);
    const names = ask();
    // On other systems, nobody would see that a Unix socket has become another one.
    if (names.tcp || process.platform === 'linux') inspections.set(fd, ask);
    return names;
  } catch {
    return undefined;
  }
}

/** proc(5): the inode and the path, which a listening socket and the connections that it accepted have in common. */
const UNIX_ROW = /^\w+: \S+ \S+ \S+ \S+ \S+ +(?<inode>\d+) (?<path>.+)$/gm;

function acceptedUnix(fds: readonly number[], listening: readonly (number | string)[]): readonly number[] {
  let table: string;
  try {
    table = readFileSync('/proc/self/net/unix', 'latin1');
  } catch {
    return fds;
  }
  const paths = new Map<string, string>();
  for (const { groups } of table.matchAll(UNIX_ROW)) {
    if (groups?.['inode'] && groups['path']) paths.set(groups['inode'], groups['path']);
  }
  const own = new Set(
    listening.map((socket) => (typeof socket === 'string' ? socket : (paths.get(inodeOf(socket)) ?? ''))),
  );
  return fds.filter((fd) => {
    const inode = inodeOf(fd);
    if (!table.includes(` ${inode}\n`) && !table.includes(` ${inode} `)) inspections.delete(fd);
    const path = paths.get(inode);
    return path !== undefined && own.has(path);
  });
}

function inodeOf(fd: number): string {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? '';
  } catch {
    return '';
  }
}

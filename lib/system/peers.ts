import { readFileSync, readlinkSync } from 'node:fs';
import type { AddressInfo } from 'node:net';

/** The other end of a connection. */
export interface Peer {
  /** An IP address; undefined of a Unix socket. */
  readonly address: string | undefined;
  /** Which connection it is, however often its descriptor is used again; empty where that is not known. */
  readonly inode: string;
}

/** What the kernel's tables call the address of a listening socket: the port, or the path. It holds when the socket is closed. */
export function localName(address: AddressInfo | string): string {
  if (typeof address === 'string') return Buffer.from(address).toString('latin1');
  return `:${address.port.toString(16).toUpperCase().padStart(4, '0')}`;
}

/**
 * Those of these descriptors that are connections accepted by one of these listening sockets, and who is at their other
 * end. A thread that hangs may have closed one meanwhile and opened something else in its place, and a connection
 * of the application's own must not get an answer to somebody else's request. Known on Linux only; elsewhere all
 * are taken for what they were.
 *
 * @param listening - the descriptor of each, or its {@link localName}.
 */
export function peersOf(fds: readonly number[], listening: readonly (number | string)[]): Map<number, Peer> {
  if (fds.length === 0) return new Map();
  const inodes = new Map(fds.map((fd) => [inodeOf(fd), fd] as const));
  const own = new Set(listening.filter((socket) => typeof socket === 'number').map(inodeOf));
  const rows: Row[] = [];
  const locals = new Set(listening.filter((socket) => typeof socket === 'string'));
  let known = false;
  for (const table of TABLES) {
    known =
      eachRow(table, (row) => {
        if (own.has(row.inode)) locals.add(row.local);
        else if (inodes.has(row.inode)) rows.push(row);
      }) || known;
  }
  if (!known) return new Map(fds.map((fd) => [fd, { address: undefined, inode: inodeOf(fd) }]));
  const peers = new Map<number, Peer>();
  for (const { inode, local, remote } of rows) {
    if (!locals.has(local)) continue;
    peers.set(inodes.get(inode) as number, { address: remote === undefined ? undefined : ipAddress(remote), inode });
  }
  return peers;
}

interface Row {
  readonly inode: string;
  /** What a listening socket and the connections that it accepted have in common: the port, or the path. */
  readonly local: string;
  /** As the kernel prints it. */
  readonly remote: string | undefined;
}

/** proc(5). State 06 is TIME_WAIT: of a busy server by far the most, and nobody's. */
const IP_ROW = /^ *\d+: \w+(?<local>:\w+) (?<remote>\w+):\w+ (?!06)\w\w(?: +\S+){5} +(?<inode>\d+)/;
const UNIX_ROW = /^\w+: \S+ \S+ \S+ \S+ \S+ +(?<inode>\d+) (?<local>.+)/;
const TABLES = [
  { path: '/proc/self/net/tcp', pattern: IP_ROW },
  { path: '/proc/self/net/tcp6', pattern: IP_ROW },
  { path: '/proc/self/net/unix', pattern: UNIX_ROW },
];

/** Returns whether there is such a table. It may have many thousand rows, and the heap of who reads it may be small. */
function eachRow({ path, pattern }: (typeof TABLES)[number], act: (row: Row) => void): boolean {
  let text: Buffer;
  try {
    text = readFileSync(path);
  } catch {
    return false;
  }
  for (let start = 0, end = text.indexOf('\n'); end !== -1; start = end + 1, end = text.indexOf('\n', start)) {
    const { inode, local, remote } = pattern.exec(text.toString('latin1', start, end))?.groups ?? {};
    if (inode !== undefined && local !== undefined) act({ inode, local, remote });
  }
  return true;
}

/** Four or sixteen bytes in hexadecimal, of which the kernel prints each word of 32 bits in its own byte order. */
function ipAddress(hex: string): string {
  const words = (hex.match(/.{8}/g) ?? []).map((word) => Buffer.from(word, 'hex').reverse());
  const bytes = Buffer.concat(words);
  if (bytes.length === 4) return bytes.join('.');
  const mapped = bytes.subarray(0, 12).toString('hex') === '00000000000000000000ffff';
  if (mapped) return `::ffff:${bytes.subarray(12).join('.')}`;
  const groups = bytes.toString('hex').match(/.{4}/g) ?? [];
  // RFC 5952, by the URL parser, which knows how to shorten it.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** Which socket a descriptor is; empty if it is none, or the system does not say. */
export function inodeOf(fd: number): string {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? '';
  } catch {
    return '';
  }
}

import { readFileSync, readlinkSync } from 'node:fs';

/** The other end of a connection. */
export interface Peer {
  /** An IP address; undefined of a Unix socket. */
  readonly address: string | undefined;
}

/**
 * Those of these descriptors that are connections accepted by one of these listening sockets, and who is at their other
 * end. A thread that hangs may have closed one meanwhile and opened something else in its place, and a connection
 * of the application's own must not get an answer to somebody else's request. Known on Linux only; elsewhere all
 * are taken for what they were.
 */
export function peersOf(fds: readonly number[], listening: readonly number[]): Map<number, Peer> {
  const inodes = new Map(fds.map((fd) => [inodeOf(fd), fd] as const));
  const own = new Set(listening.map(inodeOf));
  const rows = ['tcp', 'tcp6', 'unix'].flatMap(table).filter(({ inode }) => inode !== '');
  if (rows.length === 0) return new Map(fds.map((fd) => [fd, { address: undefined }]));
  const locals = new Set(rows.filter(({ inode }) => own.has(inode)).map(({ local }) => local));
  const peers = new Map<number, Peer>();
  for (const { inode, local, remote } of rows) {
    const fd = inodes.get(inode);
    if (fd === undefined || !locals.has(local)) continue;
    peers.set(fd, { address: remote === undefined ? undefined : ipAddress(remote) });
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

function table(kind: string): Row[] {
  let text: string;
  try {
    text = readFileSync(`/proc/self/net/${kind}`, 'latin1');
  } catch {
    return [];
  }
  const rows = text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/));
  if (kind === 'unix') {
    return rows.map(([, , , , , , inode = '', path = '']) => ({ inode, local: path, remote: undefined }));
  }
  return rows.map(([, local = '', remote = '', , , , , , , inode = '']) => ({
    inode,
    local: local.slice(local.indexOf(':')),
    remote: remote.slice(0, remote.indexOf(':')),
  }));
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

function inodeOf(fd: number): string {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? '';
  } catch {
    return '';
  }
}

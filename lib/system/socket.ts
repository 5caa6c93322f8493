import net from 'node:net';
import { getSystemErrorName } from 'node:util';

/** A socket that is bound and neither listens nor accepts. It does not keep the event loop alive. */
export interface BoundSocket {
  readonly fd: number;
  /** Undefined for a Unix socket, whose path the caller knows. */
  readonly address: net.AddressInfo | undefined;
  /** Closes the descriptor; removes the file of a Unix socket. May be called again. */
  close(): void;
}

/** What Node's own `cluster` binds with. The public class `net.BoundSocket` does the same, from 24.20 and 26.7 on. */
interface Handle {
  readonly fd: number;
  getsockname?(into: Partial<net.AddressInfo>): number;
  getpeername?(into: Partial<net.AddressInfo>): number;
  close(): void;
}
interface Internals {
  _createServerHandle(address: string | null, port: number, type: number, fd?: number): Handle | number;
}
interface PublicBoundSocket {
  fd(): number;
  address(): net.AddressInfo | string;
  close(): void;
}
type BoundSocketClass = new (options: { host: string; port: number } | { path: string }) => PublicBoundSocket;

const bound = (net as { BoundSocket?: BoundSocketClass }).BoundSocket;
const internals = net as unknown as Internals;

/** Binds a TCP socket to a numeric address. Throws the system's error, its `code` set. */
export function bindTcp(host: string, port: number): BoundSocket {
  if (bound) return wrap(new bound({ host, port }));
  return adopt(internals._createServerHandle(host, port, net.isIPv6(host) ? 6 : 4));
}

/** Binds a Unix socket, which creates its file. Throws the system's error, its `code` set. */
export function bindUnix(path: string): BoundSocket {
  if (bound) return wrap(new bound({ path }));
  return adopt(internals._createServerHandle(path, -1, -1));
}

/** What is known of a stream socket that is open in this process. */
export interface SocketNames {
  /** Whether it is a TCP socket; if not, it is a Unix socket. */
  readonly tcp: boolean;
  /** Undefined for a Unix socket. */
  readonly address: net.AddressInfo | undefined;
  /** The other end of a connection. */
  readonly peer: net.AddressInfo | undefined;
}

/**
 * Looks at a stream socket that somebody else in this process owns, or that this process inherited. Its descriptor
 * stays open for ever, since it is not ours. Throws EINVAL for a descriptor of another kind.
 */
export function inspectSocket(fd: number): SocketNames {
  return inspection(fd)();
}

/**
 * The same, for a caller that asks again. The function that is returned says what the descriptor stands for by then,
 * and throws where that is not a socket. What libuv has opened for this cannot be closed without the descriptor, so a
 * caller that asks often has to keep the function. If the descriptor was a Unix socket at first, the function cannot
 * tell when it has become a TCP socket.
 */
export function inspection(fd: number): () => SocketNames {
  const handle = internals._createServerHandle(null, 0, -1, fd);
  if (typeof handle === 'number') throw systemError(handle, 'open');
  return () => namesOf(handle);
}

function namesOf(handle: Handle): SocketNames {
  if (!handle.getsockname) return UNIX;
  const address: Partial<net.AddressInfo> = {};
  const status = handle.getsockname(address);
  if (status !== 0) throw systemError(status, 'getsockname');
  // It was a TCP socket, and has become a Unix socket meanwhile.
  if (address.family === undefined) return UNIX;
  const peer: Partial<net.AddressInfo> = {};
  const isConnected = handle.getpeername?.(peer) === 0;
  return { tcp: true, address: address as net.AddressInfo, peer: isConnected ? (peer as net.AddressInfo) : undefined };
}
const UNIX: SocketNames = { tcp: false, address: undefined, peer: undefined };

function wrap(socket: PublicBoundSocket): BoundSocket {
  const address = socket.address();
  let open = true;
  return {
    fd: socket.fd(),
    address: typeof address === 'string' ? undefined : address,
    close() {
      if (open) socket.close();
      open = false;
    },
  };
}

function adopt(handle: Handle | number): BoundSocket {
  if (typeof handle === 'number') throw systemError(handle, 'bind');
  let address: Partial<net.AddressInfo> | undefined;
  if (handle.getsockname) {
    address = {};
    // libuv keeps an EADDRINUSE of bind(2) to itself until it is asked for the socket's name.
    const status = handle.getsockname(address);
    if (status !== 0) {
      handle.close();
      throw systemError(status, 'bind');
    }
  }
  return { fd: handle.fd, address: address as net.AddressInfo | undefined, close: () => handle.close() };
}

function systemError(status: number, syscall: string): NodeJS.ErrnoException {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`${syscall} ${code}`), { code, errno: status, syscall });
}

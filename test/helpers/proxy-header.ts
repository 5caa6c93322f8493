import { isIPv6 } from 'node:net';

/** A header of the PROXY protocol, version 1. */
export function lineOf(address: string, port: number): Buffer {
  const isNew = isIPv6(address);
  return Buffer.from(`PROXY TCP${isNew ? 6 : 4} ${address} ${isNew ? '::1' : '127.0.0.1'} ${port} 80\r\n`);
}

export const LOCAL = 0;
export const PROXY = 1;

/** A header of version 2: a command, the byte for family and transport, and the rest. */
export function binary(command: number, family: number, rest: Uint8Array, version = 2): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(rest.length);
  const fixed = [version * 16 + command, family, ...length];
  return Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n'), Buffer.from(fixed), rest]);
}

/** The rest of a header of version 2: addresses and ports, with further fields. */
export function addresses(source: Uint8Array, port: number, more: Uint8Array = Buffer.alloc(0)): Buffer {
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(port);
  return Buffer.concat([source, Buffer.alloc(source.length), ports, more]);
}

/** A header of version 2 for a client with IPv4. */
export function binaryOf(address: string, port: number, more?: Uint8Array): Buffer {
  return binary(PROXY, 0x11, addresses(Buffer.from(address.split('.').map(Number)), port, more));
}

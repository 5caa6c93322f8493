import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** The client that a proxy speaks for. Of one that has connected to a Unix socket of the proxy there is no address. */
export interface ProxiedClient {
  readonly address?: string;
  readonly port?: number;
  readonly family?: 'IPv4' | 'IPv6';
}

export interface ProxyHeader {
  /** How many bytes it takes; what is behind them is the connection's own. */
  readonly length: number;
  /** Undefined where the proxy speaks for itself (a health check), or cannot say. */
  readonly client: ProxiedClient | undefined;
}

/** Version 1 is one line. The longest that there can be, as the specification has it. Bytes. */
const MAX_LINE = 107;
const PREFIX = Buffer.from('PROXY ');
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n');
/** Of version 2: the signature, the command, the family, and the length of what follows. */
const FIXED = 16;
/** What follows may have further fields (TLVs), as large as certificates. As much as nginx takes. Bytes. */
const MAX_HEADER = 4_096;

const LINE = /^PROXY (?:UNKNOWN(?: .*)?|TCP([46]) ([^ ]+) ([^ ]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4}))$/;

/** Families of version 2, and how many bytes their addresses take. */
const FAMILY = { UNSPEC: 0, INET: 1, INET6: 2, UNIX: 3 } as const;
const ADDRESSES: readonly number[] = [0, 12, 36, 216];
/** Streams are 1, datagrams 2: of QUIC, which a proxy passes on as a stream. */
const MAX_TRANSPORT = 2;

/**
 * The header of the PROXY protocol that a connection begins with, version 1 or 2. Undefined while more of it must come; a text says what is
 * wrong. As `proxy-protocol.txt` of HAProxy has it.
 */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | string | undefined {
  if (bytes.length === 0) return undefined;
  const start = bytes[0] === SIGNATURE[0] ? SIGNATURE : PREFIX;
  const count = Math.min(start.length, bytes.length);
  if (bytes.compare(start, 0, count, 0, count) !== 0) return 'it begins with something else';
  return start === SIGNATURE ? parseBinary(bytes) : parseLine(bytes);
}

function parseLine(bytes: Buffer): ProxyHeader | string | undefined {
  const end = bytes.subarray(0, MAX_LINE).indexOf('\n');
  if (end < 0) return bytes.length < MAX_LINE ? undefined : `its line is longer than ${MAX_LINE} bytes`;
  if (bytes[end - 1] !== 0x0d) return 'its line does not end with CR LF';
  const found = LINE.exec(bytes.toString('latin1', 0, end - 1));
  if (!found) return 'its line is malformed';
  const [, version, source = '', destination = '', from, to] = found;
  const length = end + 1;
  if (version === undefined) return { length, client: undefined };
  const isAddress = version === '4' ? isIPv4 : isIPv6;
  // A zone names an interface of the proxy's.
  if (!isAddress(source) || !isAddress(destination) || found[0].includes('%')) return 'its line has no such addresses';
  if (Number(from) > 65_535 || Number(to) > 65_535) return 'its line has no such ports';
  return { length, client: clientOf(source, Number(from)) };
}

function parseBinary(bytes: Buffer): ProxyHeader | string | undefined {
  if (bytes.length < FIXED) return undefined;
  const [version, command] = halves(bytes[12] as number);
  const [family, transport] = halves(bytes[13] as number);
  const size = bytes.readUInt16BE(14);
  const length = FIXED + size;
  if (version !== 2 || command > 1) return 'its version or command is unknown';
  if (length > MAX_HEADER) return `it is longer than ${MAX_HEADER} bytes`;
  // Of a proxy that speaks for itself, what follows says nothing.
  const isLocal = command === 0;
  const least = ADDRESSES[family];
  if (!isLocal && (least === undefined || transport > MAX_TRANSPORT)) return 'its family is unknown';
  if (!isLocal && size < (least as number)) return 'its addresses are cut off';
  if (bytes.length < length) return undefined;
  return { length, client: isLocal ? undefined : addressIn(bytes, family) };
}

function halves(byte: number): [number, number] {
  return [byte >> 4, byte & 15];
}

function addressIn(bytes: Buffer, family: number): ProxiedClient | undefined {
  if (family === FAMILY.UNSPEC) return undefined;
  if (family === FAMILY.INET)
    return clientOf(bytes.subarray(FIXED, FIXED + 4).join('.'), bytes.readUInt16BE(FIXED + 8));
  if (family !== FAMILY.INET6) return {};
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(FIXED + 2 * index).toString(16));
  return clientOf(groups.join(':'), bytes.readUInt16BE(FIXED + 32));
}

/** In the form that the system has for it, so that the same client always has the same. */
function clientOf(address: string, port: number): ProxiedClient {
  if (!address.includes(':')) return { address, port, family: 'IPv4' };
  return { address: new SocketAddress({ address, family: 'ipv6' }).address, port, family: 'IPv6' };
}

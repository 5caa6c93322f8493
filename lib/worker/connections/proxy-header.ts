import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** The client that a proxy speaks for. A client that has connected to a Unix socket of the proxy has no address. */
export interface ProxiedClient {
  readonly address?: string;
  readonly port?: number;
  readonly family?: 'IPv4' | 'IPv6';
}

export interface ProxyHeader {
  /** How many bytes the header takes; what follows belongs to the connection. */
  readonly length: number;
  /** Undefined where the proxy speaks for itself (a health check), or does not know the client. */
  readonly client: ProxiedClient | undefined;
}

/** Version 1 is one line. This is the longest that the specification allows. Bytes. */
const MAX_LINE = 107;
const PREFIX = Buffer.from('PROXY ');
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n');
/** The fixed part of version 2: signature, version and command, family, and the length of what follows. Bytes. */
const FIXED = 16;
/**
 * The longest header of version 2; its further fields (TLVs) may be as large as certificates. The limit is nginx's.
 * Bytes.
 */
const MAX_HEADER = 4_096;

const LINE = /^PROXY (?:UNKNOWN(?: .*)?|TCP([46]) ([^ ]+) ([^ ]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4}))$/;

/** Address families of version 2, and how many bytes the addresses of each take. */
const FAMILY = { UNSPEC: 0, INET: 1, INET6: 2, UNIX: 3 } as const;
const ADDRESSES: readonly number[] = [0, 12, 36, 216];
/** The transport is 1 for streams, 2 for datagrams: of QUIC, which a proxy passes on as a stream. */
const MAX_TRANSPORT = 2;

/**
 * Parses the header of the PROXY protocol, version 1 or 2, that a connection begins with. Returns undefined while more
 * bytes are needed, and a text where the header is wrong. Source: HAProxy's `proxy-protocol.txt`.
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
  // An address with a zone (%) is refused: the zone names a network interface of the proxy.
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
  // Where the proxy speaks for itself, the addresses are to be ignored.
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

/** An IPv6 address is brought into the system's form, so that the same client always has the same text. */
function clientOf(address: string, port: number): ProxiedClient {
  if (!address.includes(':')) return { address, port, family: 'IPv4' };
  return { address: new SocketAddress({ address, family: 'ipv6' }).address, port, family: 'IPv6' };
}

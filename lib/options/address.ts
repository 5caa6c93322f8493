import { isIPv6 } from 'node:net';
import { isAbsolute } from 'node:path';
import { DRAFT } from '../protocol/spec.js';
import { account, integer, invalid, plainObject, text } from './checks.js';
import { address } from './instead.js';
import type { BindAddress } from './resolved.js';

const EXPECTED =
  "'host:port', ':port', '[v6]:port', 'unix:/path', 'fd://N', 'systemd', 'systemd:NAME', { host, port }, { path, mode, user, group } or { fd }";
/**
 * How long the path of a Unix socket may be, bytes. On Linux, sun_path has 108 bytes, and a path may use all of them,
 * without a final NUL. On macOS it has 104, which include the NUL.
 */
export const MAX_PATH: number = process.platform === 'linux' ? 108 : 103;

const port = integer(0, 65_535);
const descriptor = integer(0, 2 ** 31 - 1);
const fileMode = integer(0, 0o777);

/** Parses the value of `bind`: one address, several or none, none of them twice. */
export function parseBind(value: unknown, option: string): readonly BindAddress[] {
  if (!Array.isArray(value)) return [parseAddress(value, option)];
  const addresses = Array.from(value, (item: unknown, index) => parseAddress(item, `${option}[${index}]`));
  const seen = new Set<string>();
  for (const [index, address] of addresses.entries()) {
    const key = formatAddress(address);
    if (seen.has(key) && !(address.kind === 'tcp' && address.port === 0)) {
      throw invalid(`${option}[${index}]`, 'addresses that differ', key);
    }
    seen.add(key);
  }
  const all = addresses.findIndex(({ kind }) => kind === 'systemd');
  if (seen.has('systemd') && addresses.some((address) => address.kind === 'systemd' && address.name !== undefined)) {
    throw invalid(`${option}[${all}]`, "addresses that differ, and 'systemd' is all that were passed", 'systemd');
  }
  return addresses;
}

/** An address as messages show it: in the string form that `bind` takes. */
export function formatAddress(address: BindAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  if (address.kind === 'fd') return `fd://${address.fd}`;
  if (address.kind === 'systemd') return address.name === undefined ? 'systemd' : `systemd:${address.name}`;
  const { host = '', port: number } = address;
  return host.includes(':') ? `[${host}]:${number}` : `${host}:${number}`;
}

/**
 * The draft path of a Unix socket: a name in the same folder, to which the socket is bound before it is renamed to its
 * path. The draft fits wherever the path itself fits: if there is no room for another byte, a digest replaces the name,
 * and is not longer than it. Two digests of a few bytes can be equal. This matters only if both sockets are bound at
 * the same time, or if a killed process left its draft behind: then the address is in use.
 */
export function draftOf(path: string): string {
  if (Buffer.byteLength(path + DRAFT) <= MAX_PATH) return path + DRAFT;
  const begin = path.lastIndexOf('/') + 1;
  const name = path.slice(begin);
  // The module is loaded only when it is needed.
  const digest = process
    .getBuiltinModule('node:crypto')
    .createHash('sha256')
    .update(name)
    .digest('base64url')
    .slice(0, Buffer.byteLength(name) - 1);
  const draft = DRAFT + digest;
  return path.slice(0, begin) + (draft === name ? `-${digest}` : draft);
}

function parseAddress(value: unknown, option: string): BindAddress {
  if (typeof value === 'string') return parseString(value, option);
  if (typeof value !== 'object' || value === null) throw invalid(option, EXPECTED, value, address(value));
  const { host, port: number, path, mode, user, group, fd, ...rest } = plainObject(value, option);
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw invalid(option, EXPECTED, value);
  const ofFile = mode !== undefined || user !== undefined || group !== undefined;
  if (number !== undefined && path === undefined && fd === undefined && !ofFile) {
    return {
      kind: 'tcp',
      host: host === undefined ? undefined : text(host, `${option}.host`),
      port: port(number, `${option}.port`),
    };
  }
  if (path !== undefined && host === undefined && number === undefined && fd === undefined) {
    return {
      kind: 'unix',
      path: socketPath(path, `${option}.path`),
      mode: mode === undefined ? undefined : fileMode(mode, `${option}.mode`),
      ...(user !== undefined && { user: account(user, `${option}.user`) }),
      ...(group !== undefined && { group: account(group, `${option}.group`) }),
    };
  }
  if (fd !== undefined && host === undefined && number === undefined && path === undefined && !ofFile) {
    return { kind: 'fd', fd: descriptor(fd, `${option}.fd`) };
  }
  throw invalid(option, EXPECTED, value);
}

function parseString(value: string, option: string): BindAddress {
  if (value.startsWith('unix:')) {
    return { kind: 'unix', path: socketPath(value.slice('unix:'.length), option), mode: undefined };
  }
  const inherited = /^fd:\/\/(\d+)$/.exec(value);
  if (inherited) return { kind: 'fd', fd: descriptor(Number(inherited[1]), option) };
  const passed = /^systemd(?::(?<name>.*))?$/s.exec(value);
  if (passed) return { kind: 'systemd', name: socketName(passed.groups?.['name'], option) };
  const tcp = /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^:/\s\0[\]]*)):(?<port>\d{1,5})$/.exec(value);
  if (!tcp?.groups) throw invalid(option, EXPECTED, value, address(value));
  const { v6, host, port: digits } = tcp.groups;
  if (v6 !== undefined && !isIPv6(v6)) throw invalid(option, EXPECTED, value);
  return { kind: 'tcp', host: v6 || host || undefined, port: port(Number(digits), option) };
}

/** Checks the name: it must be one that systemd takes for `FileDescriptorName=`. */
function socketName(name: string | undefined, option: string): string | undefined {
  if (name === undefined || /^[ -9;-~]{1,255}$/.test(name)) return name;
  throw invalid(option, "'systemd:' and 1 to 255 printable ASCII characters without ':'", `systemd:${name}`);
}

function socketPath(value: unknown, option: string): string {
  const path = text(value, option);
  // A path that ends with a slash names a folder.
  if (!isAbsolute(path) || path.endsWith('/')) throw invalid(option, 'an absolute path of a Unix socket', value);
  const length = Buffer.byteLength(path);
  if (length > MAX_PATH) {
    const limit = `a path of at most ${MAX_PATH} bytes, the system's limit for a Unix socket, and not of ${length}`;
    throw invalid(option, limit, value);
  }
  return path;
}

/* Checks the option `control`: the address at which the master answers questions and takes commands from outside. */
import { dirname } from 'node:path';
import { formatAddress, MAX_PATH, parseBind } from './address.js';
import { invalid, plainObject } from './checks.js';
import type { ControlAddress } from './resolved.js';

const EXPECTED = "false, 'unix:/path', { path, mode } or { host, port, token }";
/**
 * The names of the loopback address that a browser or a client of this machine may use. A Map, since every plain object
 * has a `constructor`.
 */
const LOOPBACK: ReadonlyMap<unknown, string> = new Map([
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '::1'],
  ['[::1]', '::1'],
  ['localhost', '127.0.0.1'],
]);
export const LEAST_TOKEN = 16;
/** A token must fit into a header in one piece, RFC 6750. */
const TOKEN = /^[\x21-\x7e]+$/;
/** The default mode: only the user of the master has access. */
const MODE = 0o600;
const SECOND = '.2';
/**
 * Length of what replaces the file name while the socket is bound in a folder beside its path: see
 * `lib/control/place.ts`.
 */
const WORKSHOP = '/.cXXXXXX/s'.length;

export function parseControl(value: unknown, option: string): ControlAddress | false {
  if (value === false) return false;
  if (typeof value === 'string') {
    if (!value.startsWith('unix:')) throw invalid(option, EXPECTED, describeText(value));
    return unix(value, option, option);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(option, EXPECTED, Array.isArray(value) ? `an array of ${value.length}` : value);
  const given = plainObject(value, option);
  return given['path'] === undefined ? tcp(given, option) : ofFile(given, option);
}

/** The address as messages show it, never with the token. */
export function formatControl(address: ControlAddress): string {
  return formatAddress(address.kind === 'unix' ? address : { kind: 'tcp', host: address.host, port: address.port });
}

function ofFile({ path, mode, ...rest }: Readonly<Record<string, unknown>>, option: string): ControlAddress {
  refuseOthers(rest, { path, mode }, option);
  const address = unix({ path, ...(mode !== undefined && { mode }) }, option, `${option}.path`);
  if (address.kind === 'unix' && (address.mode & 0o007) !== 0)
    throw invalid(`${option}.mode`, 'a mode that gives nothing to other users, for example 0o660', octal(address.mode));
  return address;
}

function unix(value: unknown, option: string, ofPath: string): ControlAddress {
  const [address] = parseBind(value, option);
  if (address?.kind !== 'unix') throw invalid(option, EXPECTED, value);
  const { path, mode = MODE } = address;
  const longest = Math.max(Buffer.byteLength(path + SECOND), Buffer.byteLength(dirname(path)) + WORKSHOP);
  if (longest > MAX_PATH) {
    const room = Buffer.byteLength(path) - (longest - MAX_PATH);
    throw invalid(
      ofPath,
      `a path of at most ${room} bytes in that folder, and not of ${Buffer.byteLength(path)}`,
      path,
    );
  }
  return { kind: 'unix', path, second: path + SECOND, mode };
}

function tcp({ host, port, token, ...rest }: Readonly<Record<string, unknown>>, option: string): ControlAddress {
  refuseOthers(rest, { host, port, token }, option);
  const address = LOOPBACK.get(host === undefined ? '127.0.0.1' : host);
  if (address === undefined)
    throw invalid(`${option}.host`, "an address of this machine alone, '127.0.0.1', '::1' or 'localhost'", host);
  const [bound] = parseBind({ host: address, port }, option);
  if (bound?.kind !== 'tcp') throw invalid(option, EXPECTED, value({ host, port }));
  if (typeof token !== 'string' || token.length < LEAST_TOKEN || !TOKEN.test(token)) {
    const expected = `a string of at least ${LEAST_TOKEN} printable ASCII characters without spaces`;
    throw invalid(`${option}.token`, expected, describeToken(token));
  }
  return { kind: 'tcp', host: address, port: bound.port, token: () => token };
}

function refuseOthers(rest: object, known: object, option: string): void {
  const [unknown] = Object.keys(rest);
  // The value may hold a token, which must not be shown.
  if (unknown !== undefined) throw invalid(option, EXPECTED, value({ ...known, [unknown]: '…' }));
}

/** The value as it may be shown: without the token. */
function value(given: Readonly<Record<string, unknown>>): object {
  const said = Object.entries(given).filter(([, item]) => item !== undefined);
  return Object.fromEntries(said.map(([name, item]) => [name, name === 'token' ? '…' : item]));
}

/**
 * A path or an address is shown as it is. Any other text is not: it may be a token, or hold one, such as an address or
 * JSON that a shell has spoilt, of which `token:…` may be left.
 */
export function describeText(text: string): string {
  const mayBeShown = /^(?:unix:|[a-z\d+.-]+:(?:\/|\d{1,5}$)|\.{0,2}\/)[^{"#?@]*$/i.test(text);
  return mayBeShown ? text : `a string of ${text.length} characters`;
}

/** Says what is wrong with a token without showing it. */
function describeToken(token: unknown): unknown {
  if (typeof token !== 'string') return token === undefined ? undefined : `a ${typeof token}`;
  return token.length < LEAST_TOKEN ? `one of ${token.length} characters` : 'one with other characters';
}

function octal(mode: number): string {
  return `0o${mode.toString(8)}`;
}

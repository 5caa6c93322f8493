import { BlockList, isIP, isIPv4, type Socket } from 'node:net';
import type { TrustSpec } from '../../protocol/spec.js';

/** What stands for the address of a peer on a Unix socket, as in nginx. */
export const UNIX = 'unix:';
/** For how many peer addresses it is remembered whether they are trusted. */
const MAX_KNOWN = 1_000;
/** How many hops are followed, at most. */
const MAX_HOPS = 64;

/** The proxies whose word about their clients is trusted. */
export class Proxies {
  readonly #spec: TrustSpec;
  readonly #list = new BlockList();
  readonly #known = new Map<string, boolean>();

  constructor(spec: TrustSpec) {
    this.#spec = spec;
    for (const { address, prefix, family } of spec.subnets) this.#list.addSubnet(address, prefix, family);
  }

  /** Whether a peer with this address is trusted to name the client for which it asks. */
  trusts(address: string): boolean {
    const { all, unix } = this.#spec;
    if (address === UNIX) return unix;
    const known = this.#known.get(address);
    if (known !== undefined) return known;
    const version = isIP(address);
    const trusted = version > 0 && (all || this.#list.check(address, version === 4 ? 'ipv4' : 'ipv6'));
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(address, trusted);
    return trusted;
  }

  /**
   * The client of a request from this peer. Of the hops that trusted proxies name, read from the last one back, it is
   * the first that is not such a proxy.
   */
  clientOf(peer: string, rawHeaders: readonly string[]): string {
    if (!this.trusts(peer)) return peer;
    const hops = this.#hops(rawHeaders);
    let client = peer;
    for (let index = hops.length - 1, count = 0; index >= 0 && count < MAX_HOPS; index--, count++) {
      const address = addressOf(hops[index] as string);
      // This is `unknown`, or a name that the proxy has made up: no client behind it can be named.
      if (address === undefined) break;
      client = address;
      if (!this.trusts(address)) break;
    }
    return client;
  }

  #hops(rawHeaders: readonly string[]): string[] {
    const { header } = this.#spec;
    const named = header === 'forwarded' ? '' : valuesOf(rawHeaders, 'x-forwarded-for');
    if (named !== '') return named.split(',');
    return header === 'x-forwarded-for' ? [] : forwardedFor(linesOf(rawHeaders, 'forwarded'));
  }
}

/** All values of a header, joined by commas; empty if there are none. */
export function valuesOf(rawHeaders: readonly string[], name: string): string {
  let values = '';
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (!isNamed(rawHeaders[index] as string, name)) continue;
    values = values === '' ? (rawHeaders[index + 1] as string) : `${values},${rawHeaders[index + 1]}`;
  }
  return values;
}

/** All values of a header, each by itself. */
function linesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && isNamed(rawHeaders[index - 1] as string, name));
}

function isNamed(given: string, name: string): boolean {
  return given.length === name.length && begins(given, name) && given.toLowerCase() === name;
}

/**
 * Whether the first letters are the same, ignoring case. It rules out most names of the same length before
 * `toLowerCase` makes a string.
 */
function begins(given: string, name: string): boolean {
  return (given.charCodeAt(0) | 32) === (name.charCodeAt(0) | 32);
}

/**
 * Matches what ends at `lastIndex`: a pair of RFC 7239, 4, as in
 * `for=192.0.2.43;proto=https, for="[2001:db8::17]:4711"`, or nothing, and the separator in front of it. A lookbehind
 * is matched backwards from its end. So whatever stands further in front, which a client may have written, has no
 * influence.
 */
const LAST_PAIR = /(?<=(^|[;,])([ \t]*(?:([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))[ \t]*)?))/y;

/**
 * The `for` value of each hop; empty for a hop without one. A client may send any text, for example a quote that it
 * leaves open. Its proxy appends an element of its own, in the same line or in a new one. So each line is read
 * separately, from its end. If something cannot be read, all that stands in front of it is unreliable, and becomes one
 * empty hop.
 */
export function forwardedFor(lines: readonly string[]): string[] {
  const hops: string[] = [];
  for (const line of lines.toReversed()) {
    let hop = '';
    for (let at = line.length, separator = ','; separator !== ''; ) {
      LAST_PAIR.lastIndex = at;
      const found = LAST_PAIR.exec(line);
      if (!found) return ['', ...hops.reverse()];
      const [, before = '', pair = '', name, quoted, plain] = found;
      // If an element has several `for` pairs, the last one counts.
      if (hop === '' && name?.toLowerCase() === 'for') hop = quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '';
      separator = before;
      at -= pair.length + before.length;
      if (separator === ';') continue;
      hops.push(hop);
      if (hops.length === MAX_HOPS) return hops.reverse();
      hop = '';
    }
  }
  return hops.reverse();
}

/**
 * An address without port and brackets, with IPv4-mapped IPv6 as IPv4; undefined for anything that is not an address.
 */
export function addressOf(node: string): string | undefined {
  let text = node.trim();
  if (text.startsWith('"') && text.endsWith('"')) text = text.slice(1, -1);
  if (text.startsWith('[')) text = text.slice(1, Math.max(1, text.indexOf(']')));
  else if (/^[\d.]+:\d+$/.test(text)) text = text.slice(0, text.indexOf(':'));
  return isIP(text) === 0 || text.includes('%') ? undefined : plainAddress(text);
}

/** Turns `::ffff:192.0.2.1`, which an IPv6 socket reports for an IPv4 peer, into plain IPv4. */
export function plainAddress(address: string): string {
  if (!address.startsWith('::') || !/^::ffff:/i.test(address)) return address;
  const rest = address.slice(7);
  return isIPv4(rest) ? rest : address;
}

/** The handle inside a socket; one of TCP has `getpeername`. Undocumented, but there from Node 20 to 26. */
type Handle = { readonly getpeername?: ((into: { address: string | undefined }) => number) | undefined };
/** Reused for each call of `getpeername`. */
const named: { address: string | undefined; family: string; port: number } = { address: '', family: '', port: 0 };

/**
 * The address of a connection's peer. It must be asked for before the connection closes. The handle is asked, because
 * `remoteAddress` stores its result as a property of the socket. That would give the socket another hidden class than
 * others have, which costs more than the call.
 */
export function peerOf(socket: Socket): string {
  const { _handle: handle } = socket as { _handle?: Handle | null };
  if (!handle) return plainAddress(socket.remoteAddress ?? '');
  if (typeof handle.getpeername !== 'function') return UNIX;
  named.address = undefined;
  handle.getpeername(named);
  return plainAddress(named.address ?? '');
}

import { BlockList, isIP, isIPv4, type Socket } from 'node:net';
import type { TrustSpec } from '../../protocol/spec.js';

/** What stands for the address of who has connected to a Unix socket, as with nginx. */
export const UNIX = 'unix:';
/** So many addresses of who has connected are remembered, with whether they are trusted. */
const MAX_KNOWN = 1_000;
/** So many hops are followed. */
const MAX_HOPS = 64;

/** The proxies that are believed. */
export class Proxies {
  readonly #spec: TrustSpec;
  readonly #list = new BlockList();
  readonly #known = new Map<string, boolean>();

  constructor(spec: TrustSpec) {
    this.#spec = spec;
    for (const { address, prefix, family } of spec.subnets) this.#list.addSubnet(address, prefix, family);
  }

  /** Whether it says truly on whose behalf it asks. */
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

  /** Who asks, when that address has connected: of the hops that trusted proxies name, from the last one back, the first that is none of them. */
  clientOf(peer: string, rawHeaders: readonly string[]): string {
    if (!this.trusts(peer)) return peer;
    const hops = this.#hops(rawHeaders);
    let client = peer;
    for (let index = hops.length - 1, count = 0; index >= 0 && count < MAX_HOPS; index--, count++) {
      const address = addressOf(hops[index] as string);
      // `unknown`, or a name that the proxy has made up: nobody can be named behind it.
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

/** All values of a header, as one; empty where there is none. */
export function valuesOf(rawHeaders: readonly string[], name: string): string {
  let values = '';
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (!isNamed(rawHeaders[index] as string, name)) continue;
    values = values === '' ? (rawHeaders[index + 1] as string) : `${values},${rawHeaders[index + 1]}`;
  }
  return values;
}

/** The same, each by itself. */
function linesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && isNamed(rawHeaders[index - 1] as string, name));
}

function isNamed(given: string, name: string): boolean {
  return given.length === name.length && begins(given, name) && given.toLowerCase() === name;
}

/** Whether their first letters are the same, in whatever case: of most that are as long, that is known before another string is made of one. */
function begins(given: string, name: string): boolean {
  return (given.charCodeAt(0) | 32) === (name.charCodeAt(0) | 32);
}

/**
 * What ends there: a pair of RFC 7239, 4, as in `for=192.0.2.43;proto=https, for="[2001:db8::17]:4711"`, or none, and what separates it from those in front. A lookbehind is
 * matched from its end: what stands in front, which a client may have written, has no part in it.
 */
const LAST_PAIR = /(?<=(^|[;,])([ \t]*(?:([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))[ \t]*)?))/y;

/**
 * The `for` of each hop; empty of one without. A client may write what it likes, a quote that it leaves open for one, and its proxy puts its own element behind that, in the same line
 * or in one of its own. So each line is read by itself, from its end. Behind what cannot be read, all that stands in front says nothing: it is one hop, which is empty.
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
      // Of several in one element, the last one counts.
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

/** An address without its port, brackets and the form of IPv4 in IPv6; undefined for what is none. */
export function addressOf(node: string): string | undefined {
  let text = node.trim();
  if (text.startsWith('"') && text.endsWith('"')) text = text.slice(1, -1);
  if (text.startsWith('[')) text = text.slice(1, Math.max(1, text.indexOf(']')));
  else if (/^[\d.]+:\d+$/.test(text)) text = text.slice(0, text.indexOf(':'));
  return isIP(text) === 0 || text.includes('%') ? undefined : plainAddress(text);
}

/** A socket for IPv6 that takes IPv4 too says `::ffff:192.0.2.1`. */
export function plainAddress(address: string): string {
  if (!address.startsWith('::') || !/^::ffff:/i.test(address)) return address;
  const rest = address.slice(7);
  return isIPv4(rest) ? rest : address;
}

/** What is inside a socket: of TCP with `getpeername`. Undocumented, but there from Node 20 to 26. */
type Handle = { readonly getpeername?: ((into: { address: string | undefined }) => number) | undefined };
/** What each answer is written into. */
const named: { address: string | undefined; family: string; port: number } = { address: '', family: '', port: 0 };

/**
 * Where a connection comes from. It must be asked for before the connection closes. The handle is asked, since what `remoteAddress` has found out stays as a property of the
 * socket: one that has it is an object of another kind than the others, which costs more than the question.
 */
export function peerOf(socket: Socket): string {
  const { _handle: handle } = socket as { _handle?: Handle | null };
  if (!handle) return plainAddress(socket.remoteAddress ?? '');
  if (typeof handle.getpeername !== 'function') return UNIX;
  named.address = undefined;
  handle.getpeername(named);
  return plainAddress(named.address ?? '');
}

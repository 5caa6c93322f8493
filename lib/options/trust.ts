import { isIP } from 'node:net';
import type { Subnet, TrustSpec } from '../protocol/spec.js';
import { type Check, invalid, plainObject } from './checks.js';

/** Which proxies are trusted, and which of their headers is read, see {@link ArbiterOptions.trustProxy}. */
export interface TrustedProxies {
  readonly from: boolean | string | readonly string[];
  /**
   * The header that the proxies set, and remove if a client has sent it.
   * @defaultValue `X-Forwarded-For`, and where there is none `Forwarded`
   */
  readonly header?: 'forwarded' | 'x-forwarded-for' | undefined;
}

const LOOPBACK: readonly Subnet[] = [
  { address: '127.0.0.0', prefix: 8, family: 'ipv4' },
  { address: '::1', prefix: 128, family: 'ipv6' },
];

const EXPECTED =
  "true, false, or addresses and subnets of the proxies: '10.0.0.1', '10.0.0.0/8', 'fd00::/8', 'loopback', 'unix'";

/** Returns undefined for a text that is not an address or a subnet. */
export function parseSubnet(text: string): Subnet | undefined {
  const [address = '', length, ...more] = text.split('/');
  const version = isIP(address);
  // An IPv6 zone names an interface of this machine, not a network.
  if (version === 0 || address.includes('%') || more.length > 0) return undefined;
  const longest = version === 4 ? 32 : 128;
  if (length !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const prefix = length === undefined ? longest : Number(length);
  return prefix > longest ? undefined : { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' };
}

export const trustedProxies: Check<TrustSpec | false> = (value, option) => {
  if (value === false) return false;
  const isNamed = typeof value === 'object' && value !== null && !Array.isArray(value);
  const { from, header = 'both', ...rest } = isNamed ? plainObject(value, option) : { from: value };
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw invalid(option, "an object of 'from' and 'header'", unknown);
  if (header !== 'both' && header !== 'forwarded' && header !== 'x-forwarded-for')
    throw invalid(`${option}.header`, "'forwarded' or 'x-forwarded-for'", header);
  if (from === true) return { all: true, unix: true, subnets: [], header };
  const given: unknown = typeof from === 'string' ? [from] : from;
  if (!Array.isArray(given) || given.length === 0) {
    const instead =
      typeof value === 'number' ? 'hops are not counted here, since proxies are known by their addresses' : undefined;
    throw invalid(option, EXPECTED, value, instead);
  }
  const subnets: Subnet[] = [];
  let unix = false;
  for (const name of given.flatMap((item: unknown) => (typeof item === 'string' ? item.split(',') : [item]))) {
    const text = typeof name === 'string' ? name.trim() : '';
    const subnet = parseSubnet(text);
    if (subnet) subnets.push(subnet);
    else if (text === 'loopback') subnets.push(...LOOPBACK);
    else if (text === 'unix') unix = true;
    else throw invalid(option, EXPECTED, name);
  }
  return { all: false, unix, subnets, header };
};

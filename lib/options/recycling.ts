import type { RecycleLimits } from '../protocol.js';
import { type Check, integer, invalid } from './checks.js';
import { DEFAULTS } from './defaults.js';

/** No process of node is that small: whoever says less has another unit in mind. */
const MIN_MEMORY = 2 ** 20;

/** The threads of a process count together in 32 bits. */
const count: Check<number> = integer(0, 1_000_000_000);

const memory: Check<number> = (value, option) => {
  if (value === 0 || (Number.isSafeInteger(value) && (value as number) >= MIN_MEMORY)) return value as number;
  throw invalid(option, `0 or an integer of at least ${MIN_MEMORY} bytes`, value);
};

/** The limits at which a worker is recycled. */
export function recycleLimits(given: Readonly<Record<string, unknown>>): RecycleLimits {
  const limit = (option: keyof RecycleLimits, check: Check<number>): number =>
    given[option] === undefined ? DEFAULTS[option] : check(given[option], option);
  const limits = {
    maxRequests: limit('maxRequests', count),
    maxRequestsJitter: limit('maxRequestsJitter', count),
    maxMemory: limit('maxMemory', memory),
  };
  if (limits.maxRequestsJitter > 0 && limits.maxRequests === 0) {
    throw invalid('maxRequestsJitter', '0, since maxRequests is 0', limits.maxRequestsJitter);
  }
  return limits;
}

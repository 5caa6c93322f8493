import { inspect } from 'node:util';
import { LONGEST_DELAY } from '../delay.js';
import { ArbiterError } from '../errors.js';
import { octal, quoted, spelled } from './instead.js';
import { nearest } from './near.js';

/**
 * Takes the value that the user gave and the option's name. Returns the value typed, or throws `ERR_INVALID_OPTION`.
 */
export type Check<T> = (value: unknown, option: string) => T;

/**
 * Makes the error for every wrong option: its name, what was expected, what came and, if the intention can be guessed,
 * what to write instead.
 */
export function invalid(option: string, expected: string, got: unknown, instead?: string): ArbiterError {
  const shown = inspect(got, { depth: 1, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 120 });
  const hint = instead === undefined ? '' : `; ${instead}`;
  return new ArbiterError('ERR_INVALID_OPTION', `option '${option}': expected ${expected}, got ${shown}${hint}`);
}

export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Check<number> {
  const isMode = max === 0o777;
  const most = isMode ? '0o777' : max;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${most}`;
  return (value, option) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    throw invalid(option, `an integer ${range}`, value, isMode ? octal(value) : quoted(value));
  };
}

export const duration: Check<number> = (value, option) => {
  if (typeof value === 'number' && value >= 0 && value <= LONGEST_DELAY) return value;
  throw invalid(option, `milliseconds from 0 to ${LONGEST_DELAY}`, value, spelled(value, 'milliseconds'));
};

/** For durations that are handed to `http.Server`, which takes no fractions. */
export const wholeDuration: Check<number> = (value, option) => {
  if (Number.isInteger(value)) return duration(value, option);
  throw invalid(option, `whole milliseconds from 0 to ${LONGEST_DELAY}`, value, spelled(value, 'milliseconds'));
};

export const boolean: Check<boolean> = (value, option) => {
  if (typeof value === 'boolean') return value;
  throw invalid(option, 'true or false', value);
};

export const text: Check<string> = (value, option) => {
  // For the system, a NUL ends a string early, so a path would mean another one.
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw invalid(option, 'a string that is not empty and holds no NUL', value);
};

export const strings: Check<readonly string[]> = (value, option) => {
  if (Array.isArray(value) && Array.from(value).every((item) => typeof item === 'string' && !item.includes('\0')))
    return [...value];
  throw invalid(option, 'an array of strings without NUL', value);
};

export const plainObject: Check<Readonly<Record<string, unknown>>> = (value, option) => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const prototype = Object.getPrototypeOf(value);
    // A plain object of another realm (a test runner, a vm) is accepted too.
    if (prototype === null || Object.getPrototypeOf(prototype) === null) return value as Record<string, unknown>;
  }
  throw invalid(option, 'a plain object', value);
};

/** Checks the options of a method: only those in `known` are allowed. */
export function named<T extends object>(value: T, method: string, known: readonly (keyof T & string)[]): T {
  const given = plainObject(value, `options of ${method}`);
  const other = Object.keys(given).find((name) => !known.some((option) => option === name));
  if (other === undefined) return value;
  throw invalid(`options of ${method}`, `none but ${known.join(', ')}`, other, nearest(other, known));
}

/**
 * The most workers, or threads, that there may be at once. More than any machine can run are refused, since to try it
 * would bring the machine down: the largest machines have some hundred CPUs, and a worker is a process of its own with
 * a dozen threads.
 */
export const MOST_WORKERS = 4_096;
export const MOST_THREADS = 256;

/** A user or group: its name or its number. */
export const account: Check<string | number> = (value, option) => {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32 - 1) return value;
  if (typeof value === 'string' && /^[^\s:/]+$/.test(value) && !value.startsWith('-')) return value;
  throw invalid(option, 'a name or a number', value);
};

/** The unit of a number. A number without a unit counts things. */
export type Unit = 'ms' | 'bytes' | 'MB';

/** The type of an option: in words, with its unit, and as a check. */
export interface Kind<T> {
  readonly type: string;
  readonly unit?: Unit;
  readonly check: Check<T>;
}

/** The maximum for a descriptor, a length or a size that ends up in a signed 32 bit integer. */
export const INT_32: number = 2 ** 31 - 1;

export const flag: Kind<boolean> = { type: '`true` or `false`', check: boolean };
export const string: Kind<string> = { type: 'string', check: text };
export const accounts: Kind<string | number> = { type: 'name or number', check: account };
export const milliseconds: Kind<number> = { type: 'number', unit: 'ms', check: duration };
export const bytes: Kind<number> = {
  type: 'integer',
  unit: 'bytes',
  check: (value, option) => {
    const instead = spelled(value, 'bytes');
    if (instead === undefined) return integer(0, INT_32)(value, option);
    throw invalid(option, `an integer from 0 to ${INT_32}`, value, instead);
  },
};

export function integers(min: number, max?: number): Kind<number> {
  const range = max === undefined || max === INT_32 ? `at least ${min}` : `${min} to ${max}`;
  return { type: `integer, ${range}`, check: integer(min, max) };
}

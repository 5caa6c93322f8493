/*
 * Hints for the ends of error messages: what to write instead of a wrong value. Undefined if the intention cannot be
 * guessed.
 */

/**
 * The units that people, or a shell, write behind a number, and their factors. Bytes are counted as memory is: 1 kb is
 * 1024.
 */
export const SUFFIXES: Readonly<Record<'milliseconds' | 'bytes', ReadonlyMap<string, number>>> = {
  milliseconds: factors({ ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }),
  bytes: factors({ b: 1, k: 2 ** 10, kb: 2 ** 10, m: 2 ** 20, mb: 2 ** 20, g: 2 ** 30, gb: 2 ** 30 }),
};

/** A Map, not an object: in an object, `constructor` would be a suffix. */
function factors(of: Readonly<Record<string, number>>): ReadonlyMap<string, number> {
  return new Map(Object.entries(of));
}

/** For a number in quotes, as environment variables have it. */
export function quoted(value: unknown): string | undefined {
  if (typeof value !== 'string' || !/^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(value)) return undefined;
  return `write it as a number: ${value}`;
}

/** For a number in quotes, with a unit or without: `'30s'`. */
export function spelled(value: unknown, unit: keyof typeof SUFFIXES): string | undefined {
  const [, digits, suffix = ''] = (typeof value === 'string' && /^(\d+(?:\.\d+)?)([a-z]+)$/i.exec(value)) || [];
  const factor = SUFFIXES[unit].get(suffix.toLowerCase());
  if (digits === undefined || factor === undefined) return quoted(value);
  return `write it as a number of ${unit}: ${Math.round(Number(digits) * factor)}`;
}

/** For a file mode in quotes, as a shell has it. */
export function octal(value: unknown): string | undefined {
  return typeof value === 'string' && /^(?:0o?)?[0-7]{3}$/.test(value)
    ? `write it as a number: 0o${value.slice(-3)}`
    : undefined;
}

/** For a value that somebody took for an address to bind. */
export function address(value: unknown): string | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string') return undefined;
  if (/^\d{1,5}$/.test(text))
    return `a port is '127.0.0.1:${text}' of this machine alone, ':${text}' of all its addresses`;
  const [, scheme, rest] = /^(https?|tcp):\/\/([^/]+)/.exec(text) ?? [];
  if (rest !== undefined) return `write '${rest}'${scheme === 'https' ? ", and the option 'tls'" : ''}`;
  if (/^\.{0,2}\//.test(text)) return `a Unix socket is 'unix:' and an absolute path`;
  if (/^[\da-f]*:[\da-f:.]*:[\da-f]*$/i.test(text)) return "an address of IPv6 is in brackets: '[::1]:8000'";
  return /^[a-z\d][\w.-]*$/i.test(text) ? `a port belongs to it: '${text}:8000'` : undefined;
}

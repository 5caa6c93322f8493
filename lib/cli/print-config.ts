/* `--print-config`: each option, what it comes to, and who said so. */
import { inspect } from 'node:util';
import type { OptionRecord } from '../options/record.js';
import type { OptionName } from '../options/resolved.js';
import { OPTIONS } from '../options/validate.js';
import type { Collected, Origin } from './collect.js';

/** Options that hold secrets whatever is in them, and names of parts that do in any. */
const SECRET_OPTIONS: ReadonlySet<OptionName> = new Set(['env', 'tls']);
const SECRET_PART = /token|secret|passw|passphrase|key/i;
const HIDDEN = '[not shown]';
/** How deep a value is shown. */
const DEPTH = 4;

/** One line for each. */
export function configText({ origins }: Collected): string {
  const rows = [...OPTIONS].map(([name, record]) => {
    const { value, from } = origins.get(name) ?? defaultOf(name, record);
    return [name, valueText(name, value), from] as const;
  });
  const [names, values] = [0, 1].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  return rows
    .map(([name, value, from]) => `${name.padEnd(names ?? 0)}  ${value.padEnd(Math.min(values ?? 0, 28))}  ${from}\n`)
    .join('');
}

function defaultOf(name: OptionName, { defaultValue, defaultText }: OptionRecord): Origin {
  const from = name === 'workers' && process.env['WEB_CONCURRENCY'] ? 'WEB_CONCURRENCY' : 'default';
  // What stands in as it is parsed is shown in words.
  if (name === 'bind' || name === 'app') return { value: defaultText, from };
  if (typeof defaultValue === 'function') return { value: (defaultValue as () => unknown)(), from };
  return { value: defaultValue, from };
}

function valueText(name: OptionName, value: unknown): string {
  if (value === undefined) return '-';
  if (name === 'app' && value instanceof URL) return value.href;
  return inspect(redacted(name, value), { breakLength: Number.POSITIVE_INFINITY, depth: DEPTH, compact: true });
}

/** What a log or a ticket may be shown. */
export function redacted(name: OptionName, value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || value instanceof URL) return value;
  const isList = Array.isArray(value);
  // A stream or a registry is no value to be read, and what is in it is its own. Below a depth nothing is shown, so a circle ends there.
  if (name === 'logger' || !(isList || isPlain(value)) || depth > DEPTH) {
    return `[a ${value.constructor?.name ?? (name === 'logger' ? name : 'object')}]`;
  }
  if (isList) return value.map((item) => redacted(name, item, depth + 1));
  const entries = Object.entries(value).map(([key, part]) => {
    const isSecret = SECRET_OPTIONS.has(name) || SECRET_PART.test(key);
    return [key, isSecret && !(part instanceof URL) ? HIDDEN : redacted(name, part, depth + 1)];
  });
  return Object.fromEntries(entries);
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

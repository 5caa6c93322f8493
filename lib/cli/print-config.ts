/* `--print-config`: each option, its value, and where that comes from. */
import { inspect } from 'node:util';
import type { OptionRecord } from '../options/record.js';
import type { OptionName } from '../options/resolved.js';
import { OPTIONS } from '../options/validate.js';
import type { Collected, Origin } from './collect.js';

/** Options whose parts are all secret, and names of parts that are secret in any option. */
const SECRET_OPTIONS: ReadonlySet<OptionName> = new Set(['env', 'tls']);
const SECRET_PART = /token|secret|passw|passphrase|key/i;
const HIDDEN = '[not shown]';
/** How many levels of a value are shown. */
const DEPTH = 4;

/** One line for each option. */
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
  // Their defaults are made when they are parsed, and are shown in words here.
  if (name === 'bind' || name === 'app') return { value: defaultText, from };
  if (typeof defaultValue === 'function') return { value: (defaultValue as () => unknown)(), from };
  return { value: defaultValue, from };
}

function valueText(name: OptionName, value: unknown): string {
  if (value === undefined) return '-';
  if (name === 'app' && value instanceof URL) return value.href;
  return inspect(redacted(name, value), { breakLength: Number.POSITIVE_INFINITY, depth: DEPTH, compact: true });
}

/** The value as it may be shown in a log or a ticket: without secrets. */
export function redacted(name: OptionName, value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || value instanceof URL) return value;
  const isList = Array.isArray(value);
  // The fields of a stream or a registry are no values of the config, and are its own, so only its class is named. So
  // is what lies deeper than DEPTH, where a circular reference ends.
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

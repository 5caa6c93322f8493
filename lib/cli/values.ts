/*
 * What a text from the shell means to an option. A text may be read in several ways; the first reading that the option
 * accepts counts.
 */
import { ArbiterError } from '../errors.js';
import type { Unit } from '../options/checks.js';
import { SUFFIXES } from '../options/instead.js';
import { accepts, type Setting } from './settings.js';

/** The suffixes that a number may have, by its unit. */
const BY_UNIT: Partial<Record<Unit, ReadonlyMap<string, number>>> = {
  ms: SUFFIXES.milliseconds,
  bytes: SUFFIXES.bytes,
};

/** For messages and help. */
export const SUFFIX_TEXT: Partial<Record<Unit, string>> = {
  ms: 'ms, or with a suffix: 500ms 10s 5m 1h',
  bytes: 'bytes, or with a suffix: 64kb 512mb 1gb',
};

/** Options that are read as octal numbers, as a shell has the modes of files. */
const OCTAL: ReadonlySet<string> = new Set(['umask']);

/** How a {@link Where} begins if it is in a config. */
const CONFIG = 'the config ';

/** Where a value was given, in words: `flag --workers`, `variable PREFORK_WORKERS`. */
export type Where = string;

/**
 * The value of an option that was given once or several times. Throws `ERR_INVALID_OPTION`, which names where it was
 * given, what was expected and what came.
 */
export function readValue(setting: Setting, texts: readonly string[], where: Where): unknown {
  const { record, repeats } = setting;
  if (repeats === 'pairs') return check(setting, readPairs(texts, where), where);
  if (repeats === 'list') return check(setting, readList(setting, texts), where);
  const all = readings(setting, texts.at(-1) ?? '');
  return check(setting, all.find((value) => accepts(record, value)) ?? all[0], where);
}

/**
 * The value of an option from a variable, which has room for one text: the items of a list are separated by spaces, or
 * in a JSON array.
 */
export function readVariable(setting: Setting, text: string, where: Where): unknown {
  if (setting.repeats !== 'list') return readValue(setting, [text], where);
  const whole = asJson(text);
  if (Array.isArray(whole)) return check(setting, whole, where);
  // Such an option takes other things than a list, which may have spaces in them: `{ "from": … }`, `a, b`.
  if (setting.takes === 'either' && readings(setting, text).some((value) => accepts(setting.record, value)))
    return readValue(setting, [text], where);
  return check(setting, readParts(setting, text.split(/\s+/).filter(Boolean)).flat(), where);
}

/**
 * Checks a value. The error says where the value comes from instead of which option it is. Returns the value as it was
 * given, not as the check has parsed it, since an Arbiter checks it again.
 */
export function check({ name, record }: Pick<Setting, 'name' | 'record'>, value: unknown, where: Where): unknown {
  const shell = fromJson(name, value);
  try {
    record.kind.check(shell, name);
    return shell;
  } catch (error) {
    if (!(error instanceof ArbiterError)) throw error;
    const suffixes = record.kind.unit && SUFFIX_TEXT[record.kind.unit];
    // A config has no suffixes: they are for texts from a shell.
    const hint = suffixes && typeof value === 'string' && !where.startsWith(CONFIG) ? ` (${suffixes})` : '';
    throw new ArbiterError('ERR_INVALID_OPTION', `${where}: ${withoutOption(error.message, name)}${hint}`, {
      cause: error.cause,
    });
  }
}

/**
 * The message without what `where` says already: without `option 'bind': `, but of `option 'bind[1]': …` only without
 * the first word.
 */
function withoutOption(message: string, name: string): string {
  const said = `option '${name}': `;
  return message.startsWith(said) ? message.slice(said.length) : message.replace(/^option /, '');
}

/** All readings of a text, the most specific first. */
function readings({ name, record }: Setting, text: string): unknown[] {
  const json = /^[[{"]/.test(text) ? asJson(text) : undefined;
  return [
    ...(text === 'true' || text === 'false' ? [text === 'true'] : []),
    ...numbers(text, record.kind.unit, OCTAL.has(name)),
    ...(json === undefined ? [] : [json]),
    text,
  ];
}

function numbers(text: string, unit: Unit | undefined, octal: boolean): number[] {
  if (octal) return /^(?:0o?)?[0-7]+$/.test(text) ? [Number.parseInt(text.replace(/^0o/, ''), 8)] : [];
  const found = /^(?<digits>-?(?:0|[1-9]\d*)(?:\.\d+)?)(?<suffix>[a-z]*)$/i.exec(text)?.groups;
  if (!found) return [];
  const { digits = '', suffix = '' } = found;
  if (suffix === '') return [Number(digits)];
  const factor = unit && BY_UNIT[unit]?.get(suffix.toLowerCase());
  // Bytes and milliseconds are whole numbers. The product is rounded, since 0.1 is not exactly a tenth.
  return factor === undefined ? [] : [Math.round(Number(digits) * factor)];
}

/**
 * The value of a repeated flag for a list. A value that is not an item, such as `true`, replaces what came before it;
 * items that follow it begin a new list.
 */
function readList(setting: Setting, texts: readonly string[]): unknown {
  const parts = readParts(setting, texts);
  const alone = parts.findLastIndex((part) => !Array.isArray(part));
  return alone >= 0 && alone === parts.length - 1 ? parts[alone] : parts.slice(alone + 1).flat();
}

/** Reads each text by itself: as an array with the item that it adds to the list, or as a value that is not an item. */
function readParts(setting: Setting, texts: readonly string[]): unknown[] {
  return texts.map((text) => {
    const all = readings(setting, text);
    const item = all.find((value) => accepts(setting.record, [value]));
    if (item !== undefined) return [item];
    return all.find((value) => accepts(setting.record, value)) ?? [text];
  });
}

function readPairs(texts: readonly string[], where: Where): Record<string, unknown> {
  const pairs = texts.map((text) => {
    const object = text.startsWith('{') ? asJson(text) : undefined;
    if (typeof object === 'object' && object !== null) return object;
    const at = text.indexOf('=');
    // The value is not shown: it may be a secret.
    if (at > 0) return { [text.slice(0, at)]: text.slice(at + 1) };
    throw new ArbiterError('ERR_INVALID_OPTION', `${where}: expected NAME=value, or an object in JSON`);
  });
  return Object.assign({}, ...pairs);
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const FILES: readonly string[] = ['key', 'cert', 'ca', 'pfx'];

/**
 * Turns the JSON form of a value into the one that only JavaScript has: in `tls`, a file is a URL object, and a string
 * in JSON.
 */
export function fromJson(name: string, value: unknown): unknown {
  if (name !== 'tls' || typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([key, part]) => {
    const isFile = FILES.includes(key) && typeof part === 'string' && part.startsWith('file:') && URL.canParse(part);
    return [key, isFile ? new URL(part) : part];
  });
  return Object.fromEntries(entries);
}

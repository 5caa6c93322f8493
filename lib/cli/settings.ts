/*
 * The options that can be set in a shell, and their names there. These are made from the option records, so that a new
 * option has its flag and its variable by itself.
 */
import type { OptionRecord } from '../options/record.js';
import type { OptionName } from '../options/resolved.js';
import { OPTIONS, SUBJECTS } from '../options/validate.js';

/** An option as it is set in a shell. */
export interface Setting {
  readonly name: OptionName;
  readonly record: OptionRecord;
  /** `--worker-class` */
  readonly flag: string;
  /** `-k` */
  readonly short: string | undefined;
  /** `PREFORK_WORKER_CLASS` */
  readonly variable: string;
  /** Whether the flag stands alone, takes a value, or may have one after a `=`. */
  readonly takes: 'nothing' | 'value' | 'either';
  /** Whether there is `--no-…` too. */
  readonly negatable: boolean;
  /** How the values of a repeated flag are put together. Undefined: the last one counts. */
  readonly repeats: 'list' | 'pairs' | undefined;
}

/**
 * The short flags are Gunicorn's. Its `-t` is missing: it counts seconds there, and would count milliseconds here, so
 * that `-t 30` would end nearly every request.
 */
const SHORT: Partial<Record<OptionName, string>> = {
  bind: '-b',
  workers: '-w',
  workerClass: '-k',
  name: '-n',
  pidFile: '-p',
  user: '-u',
  group: '-g',
  umask: '-m',
  env: '-e',
};

/** The application is the argument of the command; it has a variable, and no flag. */
export const APP: OptionName = 'app';
export const APP_VARIABLE = 'PREFORK_APP';

/** Options whose repeated flags make up one object: `-e NAME=value`. */
const PAIRS: ReadonlySet<OptionName> = new Set(['env']);

/** All settings, by the titles that the guide gives their subjects. */
export const SETTING_SUBJECTS: readonly (readonly [title: string, settings: readonly Setting[]])[] = SUBJECTS.map(
  ([title, records]) => [
    title,
    (Object.keys(records) as OptionName[]).filter((name) => name !== APP).map((name) => settingOf(name)),
  ],
);

export const SETTINGS: readonly Setting[] = SETTING_SUBJECTS.flatMap(([, settings]) => settings);

function settingOf(name: OptionName): Setting {
  const record = OPTIONS.get(name) as OptionRecord;
  const words = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const isFlag = accepts(record, true);
  return {
    ...{ name, record, flag: `--${words}`, short: SHORT[name] },
    variable: `PREFORK_${words.replaceAll('-', '_').toUpperCase()}`,
    takes: isFlag ? (takesMore(record) ? 'either' : 'nothing') : 'value',
    negatable: accepts(record, false),
    repeats: PAIRS.has(name) ? 'pairs' : isList(record) ? 'list' : undefined,
  };
}

function takesMore({ kind }: OptionRecord): boolean {
  return !/^`true` or `false`$/.test(kind.type);
}

/** Found out by the type. An empty array is no test: not every list may be empty. */
function isList({ kind }: OptionRecord): boolean {
  return /\barray\b/.test(kind.type);
}

/** Whether an option accepts a value, which its own check tells: a check has no effect. */
export function accepts({ kind }: OptionRecord, value: unknown): boolean {
  try {
    kind.check(value, '');
    return true;
  } catch {
    return false;
  }
}

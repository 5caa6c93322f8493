/* Which options can be said in a shell, and by which names: made from their records, so that a new option has its flag and its variable by itself. */
import type { OptionRecord } from '../options/record.js';
import type { OptionName } from '../options/resolved.js';
import { OPTIONS, SUBJECTS } from '../options/validate.js';

/** An option as a shell can say it. */
export interface Setting {
  readonly name: OptionName;
  readonly record: OptionRecord;
  /** `--worker-class` */
  readonly flag: string;
  /** `-k` */
  readonly short: string | undefined;
  /** `PREFORK_WORKER_CLASS` */
  readonly variable: string;
  /** Whether the flag stands alone, with a value behind it, or with one after a `=` where it wants one. */
  readonly takes: 'nothing' | 'value' | 'either';
  /** Whether there is `--no-…` too. */
  readonly negatable: boolean;
  /** How several of them come together. */
  readonly repeats: 'list' | 'pairs' | undefined;
}

/** Gunicorn's. Its `-t` is missing, since a number behind that counts seconds, and here milliseconds: `-t 30` would end nearly every request. */
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

/** What several flags of this say together is an object: `-e NAME=value`. */
const PAIRS: ReadonlySet<OptionName> = new Set(['env']);

/** All of them, by what the guide calls their subjects. */
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

/** By its type: not each list may be empty. */
function isList({ kind }: OptionRecord): boolean {
  return /\barray\b/.test(kind.type);
}

/** The checks of the options tell by themselves what is one: they look, and do nothing. */
export function accepts({ kind }: OptionRecord, value: unknown): boolean {
  try {
    kind.check(value, '');
    return true;
  } catch {
    return false;
  }
}

/* `--help`, in the 80 columns of a terminal, from the records of the options. */
import { inspect } from 'node:util';
import type { OptionRecord } from '../options/record.js';
import { OWN_FLAGS } from './command-line.js';
import { SETTING_SUBJECTS, type Setting } from './settings.js';

const WIDTH = 80;
/** Where the second column begins. */
const COLUMN = 30;

const HEAD = `Usage: prefork [flags] APP
       prefork [flags] run SCRIPT [arguments of the script]
       prefork doctor [flags] [APP]
       prefork ctl [options] COMMAND

APP is a module that exports a handler: ./app.js, ./app.js#name, a package.
run starts a script that calls listen() itself, unchanged.
doctor looks at this machine, and says what will hurt.
ctl asks a running master how it is, and tells it what to do: see ctl --help.

  prefork ./app.js -w 8 -b :8000 -k threaded --threads 4
  prefork -w 8 run server.js

An option is said by a flag, a variable (PREFORK_WORKERS for --workers), or in
prefork.config.{js,mjs,ts,json}; the flag counts first, then the variable.
A duration is a number of milliseconds, or 500ms, 10s, 5m, 1h; a size a number
of bytes, or 64kb, 512mb, 1gb. An object is JSON. A list's flag can be repeated.
`;

const TAIL = `Exit codes: 0 stopped; 1 a wrong option, or an address that cannot be bound;
3 a worker failed before it was ready; 4 the application failed to load.
`;

export function helpText(): string {
  const own = OWN_FLAGS.map(({ flag, short, value, about }) => row(names(flag, short, value), about));
  const subjects = SETTING_SUBJECTS.filter(([, settings]) => settings.length > 0).map(
    ([title, settings]) => `${title}:\n${settings.map((setting) => row(namesOf(setting), aboutOf(setting))).join('')}`,
  );
  return `${HEAD}\nThe command:\n${own.join('')}\n${subjects.join('\n')}\n${TAIL}`;
}

/** The flags of an option as they are written. */
export function namesOf({ flag, short, takes, repeats, record }: Setting): string {
  const named = repeats === 'pairs' ? 'NAME=value' : valueName(record);
  const value = { nothing: undefined, value: named, either: undefined }[takes];
  return `${names(flag, short, value)}${takes === 'either' ? '[=VALUE]' : ''}`;
}

function names(flag: string, short: string | undefined, value: string | undefined): string {
  return `${short === undefined ? '    ' : `${short}, `}${flag}${value === undefined ? '' : ` ${value}`}`;
}

function valueName({ kind: { type, unit } }: OptionRecord): string {
  if (unit === 'ms') return 'MS';
  if (unit === 'bytes') return 'BYTES';
  if (/^object/.test(type)) return 'JSON';
  return /^(?:integer|number)/.test(type) ? 'N' : 'VALUE';
}

function aboutOf({ record, takes, flag }: Setting): string {
  const off = takes !== 'value' && record.defaultValue === true ? ` Off: --no-${flag.slice(2)}.` : '';
  return plain(`${record.about}${off} Default: ${defaultOf(record)}.`);
}

/** The default as the guide shows it. */
export function defaultOf({ defaultText, defaultValue }: OptionRecord): string {
  return defaultText ?? inspect(defaultValue);
}

/** The text without the Markdown of the guide. */
function plain(text: string): string {
  return text.replace(/[`*]/g, '');
}

function row(left: string, text: string): string {
  const begin = `  ${left}`;
  const lines = wrap(text, WIDTH - COLUMN);
  const first = begin.length < COLUMN - 1 ? begin.padEnd(COLUMN) + lines.shift() : begin;
  return `${[first, ...lines.map((line) => ' '.repeat(COLUMN) + line)].join('\n')}\n`;
}

function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

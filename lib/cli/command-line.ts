/* Reads the arguments of `prefork`: flags, the command, and its application or script. */
import { ArbiterError } from '../errors.js';
import { didYouMean } from '../options/near.js';
import type { OptionName } from '../options/resolved.js';
import { alias } from '../options/unknown.js';
import { OPTIONS } from '../options/validate.js';
import { SETTINGS, type Setting } from './settings.js';

/** The commands that are named. Without a name, an application is served. */
export type CommandName = 'serve' | 'run' | 'doctor' | 'ctl';

/** Flags of the command itself. */
export interface OwnFlags {
  readonly help: boolean;
  readonly version: boolean;
  readonly config: string | undefined;
  readonly checkConfig: boolean;
  readonly printConfig: boolean;
  readonly watch: boolean;
  /** For `run`: the port by which the server to be served is known among those of the script. */
  readonly scriptPort: string | undefined;
}

/** What a flag says of an option: one text, or one for each time that it was given. */
export interface Said {
  readonly setting: Setting;
  /** As it was written: `-w`. */
  readonly flag: string;
  readonly texts: readonly string[];
}

export interface CommandLine {
  readonly command: CommandName;
  readonly own: OwnFlags;
  readonly said: ReadonlyMap<OptionName, Said>;
  /** The application; for `run`, the script. */
  readonly target: string | undefined;
  /** For `run`: the arguments of the script. For a command that reads its arguments itself: all of them. */
  readonly rest: readonly string[];
}

export interface OwnFlag {
  readonly name: keyof OwnFlags;
  readonly flag: string;
  readonly short?: string;
  /** What the value is called, where the flag takes one. */
  readonly value?: string;
  readonly about: string;
}

export const OWN_FLAGS: readonly OwnFlag[] = [
  {
    ...{ name: 'config', flag: '--config', short: '-c', value: 'FILE' },
    about:
      'Options in a file. Default: prefork.config.js, .mjs, .cjs, .ts, .mts or .json of the working directory, if there is one.',
  },
  {
    ...{ name: 'checkConfig', flag: '--check-config' },
    about: 'Check all options, boot one worker with the application, and end. Nothing is served.',
  },
  {
    ...{ name: 'printConfig', flag: '--print-config' },
    about: 'Print each option, its value, and where that comes from. Secrets are not shown.',
  },
  {
    ...{ name: 'watch', flag: '--watch' },
    about: 'For development: reload when a source file below the working directory changes.',
  },
  {
    ...{ name: 'scriptPort', flag: '--script-port', value: 'PORT' },
    about:
      'Of run: the server to be served is the one that the script has listen on this port. Default: the first one.',
  },
  { ...{ name: 'help', flag: '--help', short: '-h' }, about: 'Print this.' },
  { ...{ name: 'version', flag: '--version', short: '-v' }, about: 'Print the version.' },
];

/** What a flag means: something for the command itself, or the value of an option. */
type Meaning =
  | { readonly own: OwnFlag }
  | { readonly setting: Setting; readonly takes: 'value' | 'either' | 'nothing'; readonly text: 'true' | 'false' };

const MEANINGS: ReadonlyMap<string, Meaning> = new Map([
  ...OWN_FLAGS.flatMap((own) => [own.flag, own.short].flatMap((name) => (name ? [[name, { own }] as const] : []))),
  ...SETTINGS.flatMap((setting): [string, Meaning][] => {
    // `either`, since `--http2=false` is as good as `--no-http2`.
    const meaning = { setting, takes: setting.takes === 'value' ? 'value' : 'either', text: 'true' } as const;
    return [
      [setting.flag, meaning],
      ...(setting.short === undefined ? [] : [[setting.short, meaning] as [string, Meaning]]),
      ...(setting.negatable
        ? [[`--no-${setting.flag.slice(2)}`, { setting, takes: 'nothing', text: 'false' }] as [string, Meaning]]
        : []),
    ];
  }),
]);

/** The flags that a user of Gunicorn would write, and what they are called here. */
const GUNICORN: ReadonlyMap<string, string> = new Map(
  SETTINGS.flatMap(({ flag, record }) =>
    (record.gunicorn?.split(', ') ?? []).map((name) => [`--${name.replaceAll('_', '-')}`, flag] as const),
  ),
);

/** How the arguments after the name of a command are read: here, as flags, or by the command itself. */
const COMMANDS: ReadonlyMap<string, 'flags' | 'itself'> = new Map<CommandName, 'flags' | 'itself'>([
  ['run', 'flags'],
  ['doctor', 'flags'],
  ['ctl', 'itself'],
]);

/** Reads the arguments that follow the name of the program. Throws `ERR_INVALID_OPTION`. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const own: Record<string, string | true> = {};
  const said = new Map<OptionName, { setting: Setting; flag: string; texts: string[] }>();
  let command: CommandName = 'serve';
  let target: string | undefined;
  let rest: readonly string[] = [];
  let onlyNames = false;
  /**
   * The last flag that takes a value only after `=`, joined with the word that followed it: the user may have meant
   * that word as its value.
   */
  let astray: string | undefined;

  for (let index = 0; index < args.length; index++) {
    const arg = args[index] as string;
    if (!onlyNames && arg === '--') {
      onlyNames = true;
      continue;
    }
    if (onlyNames || arg === '-' || !arg.startsWith('-')) {
      if (command === 'serve' && target === undefined && !onlyNames && COMMANDS.has(arg)) {
        command = arg as CommandName;
        if (COMMANDS.get(arg) === 'flags') continue;
        rest = args.slice(index + 1);
        break;
      }
      const before = args[index - 1] ?? '';
      if (!onlyNames && takesEither(before)) astray = `${before}=${arg}`;
      if (target !== undefined) throw unexpected(arg, target, astray);
      target = arg;
      if (command !== 'run') continue;
      // All that follows belongs to the script, whatever it looks like.
      rest = args.slice(index + 1);
      break;
    }
    const { name, attached } = splitFlag(arg);
    const meaning = MEANINGS.get(name);
    if (meaning === undefined) throw unknownFlag(name);
    const wanted = 'own' in meaning ? (meaning.own.value === undefined ? 'nothing' : 'value') : meaning.takes;
    let text = attached;
    if (wanted === 'nothing' && text !== undefined) throw usage(`flag ${name}: expected no value, got '${text}'`);
    if (wanted === 'value' && text === undefined) {
      text = args[++index];
      if (text === undefined) throw usage(`flag ${name}: expected a value, got nothing`);
    }
    if ('own' in meaning) {
      own[meaning.own.name] = text ?? true;
      continue;
    }
    const { setting } = meaning;
    if (name === '-p' && /^\d{2,5}$/.test(text ?? ''))
      throw usage(`flag -p: it is ${setting.flag} here, as with Gunicorn; for the port, -b :${text}`);
    const before = said.get(setting.name);
    const texts = setting.repeats && before ? before.texts : [];
    said.set(setting.name, { setting, flag: name, texts: [...texts, text ?? meaning.text] });
  }
  return { command, own: ownFlags(own), said, target, rest };
}

/** Splits a flag from the value attached to it, if there is one: `--flag=value`, `-w8`, `-w=8`. */
function splitFlag(arg: string): { readonly name: string; readonly attached: string | undefined } {
  const at = arg.indexOf('=');
  if (arg.startsWith('--')) {
    return at < 0 ? { name: arg, attached: undefined } : { name: arg.slice(0, at), attached: arg.slice(at + 1) };
  }
  const name = arg.slice(0, 2);
  return { name, attached: arg.length === 2 ? undefined : arg.slice(at === 2 ? 3 : 2) };
}

function ownFlags(own: Readonly<Record<string, string | true>>): OwnFlags {
  const text = (name: keyof OwnFlags): string | undefined => (typeof own[name] === 'string' ? own[name] : undefined);
  const is = (name: keyof OwnFlags): boolean => own[name] === true;
  return {
    ...{ help: is('help'), version: is('version'), config: text('config'), checkConfig: is('checkConfig') },
    ...{ printConfig: is('printConfig'), watch: is('watch'), scriptPort: text('scriptPort') },
  };
}

/**
 * Whether a flag takes a value only after `=`. In `--access-log access.log` the file is not its value: `--access-log`
 * alone means something, and may stand before the application. `--no-access-log` takes no value at all.
 */
function takesEither(flag: string): boolean {
  const meaning = MEANINGS.get(flag);
  if (meaning === undefined || 'own' in meaning) return false;
  return meaning.takes === 'either' && meaning.setting.takes === 'either';
}

function unexpected(arg: string, target: string, astray: string | undefined): ArbiterError {
  const hint = astray === undefined ? '' : `; did you mean ${astray}?`;
  return usage(`unexpected argument '${told(arg)}': the application is '${told(target)}'${hint}`);
}

/**
 * A word as messages may show it. A shell splits `--control {"port":9000,"token":"…"}` without quotes into words, and
 * one of them is the token.
 */
function told(word: string): string {
  return /^token:/i.test(word) ? 'token:…' : word;
}

function unknownFlag(name: string): ArbiterError {
  if (name === '-t') {
    return usage(
      "unknown flag -t: Gunicorn's counts seconds, and numbers are milliseconds here; write --timeout 30s, for example",
    );
  }
  const option = alias(name.replace(/^-+/, ''), OPTIONS);
  const known = GUNICORN.get(name) ?? (option && SETTINGS.find((setting) => setting.name === option)?.flag);
  const hint = known === undefined ? didYouMean(name, MEANINGS.keys()) : `; it is called ${known} here`;
  return usage(`unknown flag ${name}${hint}`);
}

/** The error for a command line that cannot be obeyed. */
export function usage(message: string): ArbiterError {
  return new ArbiterError('ERR_INVALID_OPTION', message);
}

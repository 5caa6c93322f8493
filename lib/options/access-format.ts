import type { Writable } from 'node:stream';
import { type Check, invalid } from './checks.js';

/** Where the access log goes, and what each line says, see {@link ArbiterOptions.accessLog}. */
export interface AccessLogSettings {
  /** A file, relative to {@link ArbiterOptions.cwd}; `'-'` is standard output. @defaultValue standard output */
  readonly path?: string | undefined;
  /** A stream of the host, instead of a file. */
  readonly stream?: Writable | undefined;
  /** Like {@link ArbiterOptions.accessLogFormat}; only one of the two may be given. @defaultValue `'combined'` */
  readonly format?: string | undefined;
}

/**
 * A piece of a parsed access log format: literal text, or an atom by its name. `in`, `out` and `env` name a header of
 * the request, a header of the answer and a variable of the worker's environment.
 */
export type FormatToken =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'atom'; readonly name: Atom }
  | { readonly kind: 'in' | 'out' | 'env'; readonly name: string };

/** The letters of Gunicorn's atoms, most of which are also Apache's. */
export type Atom =
  | 'h'
  | 'l'
  | 'u'
  | 't'
  | 'r'
  | 's'
  | 'm'
  | 'U'
  | 'q'
  | 'H'
  | 'b'
  | 'B'
  | 'f'
  | 'a'
  | 'T'
  | 'D'
  | 'M'
  | 'L'
  | 'p';
export const ATOMS: readonly Atom[] = [...'hlutrsmUqHbBfaTDMLp'] as Atom[];

/** The formats that have a name, as in Apache. `json` is not here, since it is not a line of atoms. */
const NAMED: ReadonlyMap<string, string> = new Map([
  ['common', '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s'],
  ['combined', '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'],
]);

const PLACE = /%\((?:(?<atom>[A-Za-z])|\{(?<name>[^{}]+)\}(?<of>[ioe]))\)s|%%|%/g;
const KIND = { i: 'in', o: 'out', e: 'env' } as const;

/** Returns undefined for a format that has no atoms, or an unknown one. */
export function parseFormat(format: string): FormatToken[] | undefined {
  const text = NAMED.get(format) ?? format;
  const tokens: FormatToken[] = [];
  const say = (literal: string): void => {
    if (literal !== '') tokens.push({ kind: 'text', text: literal });
  };
  let end = 0;
  for (const { 0: found, index, groups: { atom, name, of } = {} } of text.matchAll(PLACE)) {
    say(text.slice(end, index));
    end = index + found.length;
    if (found === '%%') say('%');
    else if (name !== undefined) {
      const kind = KIND[of as keyof typeof KIND];
      tokens.push({ kind, name: kind === 'env' ? name : name.toLowerCase() });
    } else if (atom !== undefined && ATOMS.includes(atom as Atom)) {
      tokens.push({ kind: 'atom', name: atom as Atom });
    } else return undefined;
  }
  say(text.slice(end));
  return tokens.some(({ kind }) => kind !== 'text') ? tokens : undefined;
}

/** A line of the log is ASCII, whatever clients send. So the text around the atoms must be ASCII too. */
const PLAIN = /^[\x20-\x7e\t]+$/;

export const accessFormat: Check<string> = (value, option) => {
  if (value === 'json') return value;
  if (typeof value === 'string' && PLAIN.test(value) && parseFormat(value)) return value;
  throw invalid(
    option,
    `'common', 'combined', 'json', or a line of printable ASCII with atoms such as %(h)s, out of ${ATOMS.join(' ')} {name}i {name}o {name}e`,
    value,
  );
};

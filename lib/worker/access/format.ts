import { type Atom, type FormatToken, parseFormat } from '../../options/access-format.js';
import { ANYWHERE, escaped, escapedWord, IN_VALUE, IN_WORD, jsonText } from './escape.js';
import type { Line } from './line.js';

/** What is known of a request when its line is written. */
export interface Facts {
  /** The client's address; if a trusted proxy has connected, the address that it names. */
  readonly client: string;
  /** Empty where the head of the request could not be read. */
  readonly method: string;
  readonly url: string;
  readonly version: string;
  /** 499 if nothing was sent. */
  readonly status: number;
  /** The size of the body as sent. */
  readonly bytes: number;
  /** Whether the connection ended before the whole answer was sent. */
  readonly aborted: boolean;
  /** Milliseconds, with fractions. */
  readonly duration: number;
  /** When the line is written, milliseconds since the epoch. */
  readonly time: number;
  readonly id: string;
  /** A header of the request, or of the answer, by its name in lower case. */
  header(name: string): string | undefined;
  sent(name: string): string | undefined;
}

/** Writes what a line of this format says of a request, without the new line. */
export type Format = (facts: Facts, line: Line) => void;

/**
 * To how many characters each value is cut if a line is too long, at the first, second and third attempt. Counted
 * before escaping.
 */
const CUTS = [1_000, 250, 60] as const;
const CUT = '...';

/** Whether lines of this format name the client. */
export function asksClient(format: string): boolean {
  return format === 'json' || (parseFormat(format) ?? []).some((token) => token.kind === 'atom' && token.name === 'h');
}

export function compileFormat(format: string): Format {
  const write = format === 'json' ? jsonOf : joinedOf(format);
  return (facts, line) => {
    write(facts, line);
    if (line.isFull) writeShortened(write, facts, line);
  };
}

function writeShortened(write: Format, facts: Facts, line: Line): void {
  for (const length of CUTS) {
    line.again();
    write(shortened(facts, length), line);
    if (!line.isFull) return;
  }
  line.again();
  write(facts, line);
}

/**
 * All pieces go through one loop, and their texts through one function. Code that runs once per request has left the
 * caches of the processor by the next, so here small code is faster than straight-line code.
 */
function joinedOf(format: string): Format {
  const pieces = (parseFormat(format) ?? []).flatMap(piecesOf);
  return (facts, line) => {
    for (let index = 0; index < pieces.length; index++) {
      const piece = pieces[index] as Piece;
      const text = piece.kind === 'text' ? piece.name : textOf(piece, facts);
      if (!line.put(text, piece.harmless))
        line.put(piece.harmless === IN_WORD ? escapedWord(text) : escaped(text), ANYWHERE);
    }
  };
}

function shortened(facts: Facts, length: number): Facts {
  const cut = (text: string): string => (text.length > length ? text.slice(0, length) + CUT : text);
  const cutIfAny = (text: string | undefined): string | undefined => text && cut(text);
  const { client, method, url, version, status, bytes, aborted, duration, time, id } = facts;
  return {
    ...{ client, version, status, bytes, aborted, duration, time, id },
    method: cut(method),
    url: cut(url),
    header: (name) => cutIfAny(facts.header(name)),
    sent: (name) => cutIfAny(facts.sent(name)),
  };
}

/**
 * A part of a line: its kind; the name of its header if it has one, or the text itself; and the characters that need no
 * escape in it.
 */
interface Piece {
  readonly kind: Atom | 'text' | 'in' | 'out' | ' ' | 'url' | 'protocol';
  readonly name: string;
  readonly harmless: Uint8Array;
}

const MISSING = '-';
/** Atoms that need no escape: clients do not choose their text, or can only choose from fixed values. */
const OWN: readonly string[] = [...'tHsBbTDML'];
/** Atoms that are printed between blanks; others are printed between quotes. */
const WORDS: readonly string[] = [...'humUq'];

function piecesOf(token: FormatToken): Piece[] {
  if (token.kind === 'text') return [own(token.text)];
  const { kind, name } = token;
  if (kind === 'env') return [own(escaped((Object.hasOwn(process.env, name) && process.env[name]) || '') || MISSING)];
  if (kind !== 'atom') return [{ kind, name, harmless: IN_VALUE }];
  if (name === 'l') return [own(MISSING)];
  if (name === 'p') return [own(`<${process.pid}>`)];
  if (name === 'r')
    return (['r', ' ', 'url', 'protocol'] as const).map((part) => ({ kind: part, name, harmless: IN_VALUE }));
  return [{ kind: name, name, harmless: OWN.includes(name) ? ANYWHERE : WORDS.includes(name) ? IN_WORD : IN_VALUE }];
}

function own(text: string): Piece {
  return { kind: 'text', name: text, harmless: ANYWHERE };
}

function textOf({ kind, name }: Piece, facts: Facts): string {
  switch (kind) {
    case 'h':
      return facts.client || MISSING;
    case 'u':
      return userOf(facts) || MISSING;
    case 't':
      return commonTime(facts.time);
    // The request line is four pieces, which are all missing if the head could not be read.
    case 'r':
    case 'm':
      return facts.method || MISSING;
    case ' ':
      return facts.method && ' ';
    case 'url':
      return facts.method && facts.url;
    case 'protocol':
      return facts.method && facts.version && ` HTTP/${facts.version}`;
    case 'U':
      return pathOf(facts.url) || MISSING;
    case 'q':
      return queryOf(facts.url) || MISSING;
    case 'H':
      return facts.version === '' ? MISSING : `HTTP/${facts.version}`;
    case 's':
      return `${facts.status}`;
    case 'B':
      return `${facts.bytes}`;
    case 'b':
      return facts.bytes === 0 ? MISSING : `${facts.bytes}`;
    case 'f':
      return facts.header('referer') || MISSING;
    case 'a':
      return facts.header('user-agent') || MISSING;
    case 'in':
      return facts.header(name) || MISSING;
    case 'out':
      return facts.sent(name) || MISSING;
    case 'T':
      return `${Math.floor(facts.duration / 1_000)}`;
    case 'D':
      return `${Math.round(facts.duration * 1_000)}`;
    case 'M':
      return `${Math.floor(facts.duration)}`;
    case 'L':
      return (facts.duration / 1_000).toFixed(6);
    default:
      return name;
  }
}

function jsonOf(facts: Facts, line: Line): void {
  const { method, version, status, bytes, duration, id, aborted } = facts;
  const user = userOf(facts);
  field(line, '{"time":"', isoTime(facts.time));
  field(line, ',"client":"', facts.client);
  if (user !== '') field(line, ',"user":"', user);
  if (method !== '') {
    field(line, ',"method":"', method);
    field(line, ',"url":"', facts.url);
    field(line, ',"protocol":"', `HTTP/${version}`);
  }
  number(line, ',"status":', status);
  number(line, ',"bytes":', bytes);
  number(line, ',"duration":', Math.round(duration * 1_000) / 1_000);
  if (aborted) line.put(',"aborted":true', ANYWHERE);
  field(line, ',"referer":"', facts.header('referer'));
  field(line, ',"agent":"', facts.header('user-agent'));
  if (id !== '') field(line, ',"id":"', id);
  line.put(PID, ANYWHERE);
}

const PID = `,"pid":${process.pid}}`;

function field(line: Line, name: string, text: string | undefined): void {
  if (text === undefined) return;
  line.put(name, ANYWHERE);
  if (!line.put(text, IN_VALUE)) line.put(jsonText(text), ANYWHERE);
  line.put('"', ANYWHERE);
}

function number(line: Line, name: string, value: number): void {
  line.put(name, ANYWHERE);
  line.put(`${value}`, ANYWHERE);
}

function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

function queryOf(url: string): string {
  const end = url.indexOf('?');
  return end < 0 ? '' : url.slice(end + 1);
}

/**
 * The user of `Authorization: Basic`, RFC 7617; empty if there is none. It is what the client claims; nobody has
 * checked it.
 */
function userOf(facts: Facts): string {
  const given = facts.header('authorization');
  if (given === undefined || !/^basic /i.test(given)) return '';
  const pair = Buffer.from(given.slice(6), 'base64').toString('latin1');
  const end = pair.indexOf(':');
  return end < 0 ? '' : pair.slice(0, end);
}

let second = Number.NaN;
let common = '';

/**
 * The time as Apache writes it, in the local time zone: `[28/Nov/2026:23:04:33 +0100]`. Cached for the current second.
 */
function commonTime(time: number): string {
  const now = Math.floor(time / 1_000);
  if (now !== second) {
    second = now;
    const date = new Date(time);
    const [, month = '', day = '', year = '', clock = ''] = date.toString().split(' ');
    const offset = -date.getTimezoneOffset();
    const minutes = Math.abs(offset);
    const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${two(minutes % 60)}`;
    common = `[${day}/${month}/${year}:${clock} ${zone}]`;
  }
  return common;
}

const two = (number: number): string => `${number}`.padStart(2, '0');

let prefixSecond = Number.NaN;
let prefix = '';

function isoTime(time: number): string {
  const now = Math.floor(time / 1_000);
  if (now !== prefixSecond) {
    prefixSecond = now;
    prefix = new Date(now * 1_000).toISOString().slice(0, 20);
  }
  return `${prefix}${`${Math.floor(time) % 1_000}`.padStart(3, '0')}Z`;
}

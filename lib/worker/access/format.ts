import { type Atom, type FormatToken, parseFormat } from '../../options/access-format.js';
import { escaped, escapedWord, jsonText } from './escape.js';

/** What is known of a request when its line is written. */
export interface Facts {
  /** The client's address: of a trusted proxy, the one that it names. */
  readonly client: string;
  /** Empty where the head could not be read. */
  readonly method: string;
  readonly url: string;
  readonly version: string;
  /** 499: nothing has been sent. */
  readonly status: number;
  /** Of the body, as sent. */
  readonly bytes: number;
  /** Its connection has ended before the whole answer was sent. */
  readonly aborted: boolean;
  /** Milliseconds, with fractions. */
  readonly duration: number;
  /** Now: milliseconds since the epoch. */
  readonly time: number;
  readonly id: string;
  /** A header of the request, or of the answer, by its name in lower case. */
  header(name: string): string | undefined;
  sent(name: string): string | undefined;
}

export type Format = (facts: Facts) => string;

/**
 * What one write to a pipe is at most, so that it is not mixed with another's: PIPE_BUF of Linux. Also where it goes to a file, a line with its end is no longer,
 * whatever a client sends. Bytes.
 */
export const MAX_LINE = 4_096;
/** How much of each value is left of a line that would be longer, at the first, second and third attempt. Characters before they are escaped. */
const CUTS = [1_000, 250, 60] as const;
const CUT = '...';

/** Whether a line of this format says who the client is. */
export function asksClient(format: string): boolean {
  return format === 'json' || (parseFormat(format) ?? []).some((token) => token.kind === 'atom' && token.name === 'h');
}

/** The line that a format makes, with its end. It is ASCII. */
export function compileFormat(format: string): Format {
  const make = NAMED[format] ?? joinedOf(format);
  return (facts) => {
    const line = make(facts);
    if (line.length < MAX_LINE) return `${line}\n`;
    for (const length of CUTS) {
      const shorter = make(shortened(facts, length));
      if (shorter.length < MAX_LINE) return `${shorter}\n`;
    }
    return `${line.slice(0, MAX_LINE - 1)}\n`;
  };
}

function joinedOf(format: string): Format {
  const parts = (parseFormat(format) ?? []).map(partOf);
  return (facts) => {
    let line = '';
    for (const part of parts) line += typeof part === 'string' ? part : part(facts);
    return line;
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

function partOf(token: FormatToken): string | Format {
  if (token.kind === 'text') return token.text;
  if (token.kind === 'atom') return ATOM[token.name];
  const { kind, name } = token;
  if (kind === 'env') return escaped(process.env[name] ?? '');
  return kind === 'in' ? (facts) => escaped(facts.header(name) ?? '') : (facts) => escaped(facts.sent(name) ?? '');
}

const ATOM: Readonly<Record<Atom, string | Format>> = {
  h: ({ client }) => escapedWord(client),
  l: '-',
  u: (facts) => escapedWord(userOf(facts)),
  t: ({ time }) => commonTime(time),
  r: (facts) => requestLine(facts),
  m: ({ method }) => escapedWord(method),
  U: ({ url }) => escapedWord(pathOf(url)),
  q: ({ url }) => escapedWord(queryOf(url)),
  H: ({ version }) => (version === '' ? '-' : `HTTP/${version}`),
  s: ({ status }) => `${status}`,
  B: ({ bytes }) => `${bytes}`,
  b: ({ bytes }) => (bytes === 0 ? '-' : `${bytes}`),
  f: (facts) => escaped(facts.header('referer') ?? ''),
  a: (facts) => escaped(facts.header('user-agent') ?? ''),
  T: ({ duration }) => `${Math.floor(duration / 1_000)}`,
  D: ({ duration }) => `${Math.round(duration * 1_000)}`,
  M: ({ duration }) => `${Math.floor(duration)}`,
  L: ({ duration }) => (duration / 1_000).toFixed(6),
  p: `<${process.pid}>`,
};

/** The same as of the line of atoms that it stands for, in a third of the time. */
function commonOf(facts: Facts): string {
  const { client, status, bytes } = facts;
  const start = `${escapedWord(client)} - ${escapedWord(userOf(facts))} ${commonTime(facts.time)}`;
  return `${start} "${requestLine(facts)}" ${status} ${bytes === 0 ? '-' : bytes}`;
}

function combinedOf(facts: Facts): string {
  const [referer, agent] = [facts.header('referer') ?? '', facts.header('user-agent') ?? ''];
  return `${commonOf(facts)} "${escaped(referer)}" "${escaped(agent)}"`;
}

const NAMED: Readonly<Record<string, Format>> = { common: commonOf, combined: combinedOf, json: jsonOf };

function jsonOf(facts: Facts): string {
  const { method, url, version, status, bytes, duration, id, aborted } = facts;
  const user = userOf(facts);
  const referer = facts.header('referer');
  const agent = facts.header('user-agent');
  let line = `{"time":"${isoTime(facts.time)}","client":${jsonText(facts.client)}`;
  if (user !== '') line += `,"user":${jsonText(user)}`;
  if (method !== '') line += `,"method":${jsonText(method)},"url":${jsonText(url)},"protocol":"HTTP/${version}"`;
  line += `,"status":${status},"bytes":${bytes},"duration":${Math.round(duration * 1_000) / 1_000}`;
  if (aborted) line += ',"aborted":true';
  if (referer !== undefined) line += `,"referer":${jsonText(referer)}`;
  if (agent !== undefined) line += `,"agent":${jsonText(agent)}`;
  if (id !== '') line += `,"id":${jsonText(id)}`;
  return `${line},"pid":${process.pid}}`;
}

function requestLine({ method, url, version }: Facts): string {
  return method === '' ? '-' : escaped(version === '' ? `${method} ${url}` : `${method} ${url} HTTP/${version}`);
}

function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

function queryOf(url: string): string {
  const end = url.indexOf('?');
  return end < 0 ? '' : url.slice(end + 1);
}

/** Of `Authorization: Basic`, RFC 7617; empty where there is none. It is what the client says, not what somebody has checked. */
function userOf(facts: Facts): string {
  const given = facts.header('authorization');
  if (given === undefined || !/^basic /i.test(given)) return '';
  const pair = Buffer.from(given.slice(6), 'base64').toString('latin1');
  const end = pair.indexOf(':');
  return end < 0 ? '' : pair.slice(0, end);
}

let second = Number.NaN;
let common = '';

/** As Apache writes it, in the zone of this machine: `[28/Nov/2026:23:04:33 +0100]`. The same for a whole second. */
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

/** What a client has sent ends up between quotes, or between blanks: no byte of it may end a value or a line, or act on a terminal. */
const UNSAFE = /[^\x20\x21\x23-\x5b\x5d-\x7e]/;
const ALL_UNSAFE = new RegExp(UNSAFE, 'gu');
const UNSAFE_OR_BLANK = /[^\x21\x23-\x5a\x5e-\x7e]/;
const ALL_UNSAFE_OR_BLANKS = new RegExp(UNSAFE_OR_BLANK, 'gu');

/** The same as tables: 1 for each code below 256 that may stand there as it is. The first is for what this library says itself. */
export const ANYWHERE: Uint8Array = new Uint8Array(256).fill(1);
export const IN_VALUE: Uint8Array = tableOf(UNSAFE);
export const IN_WORD: Uint8Array = tableOf(UNSAFE_OR_BLANK);

function tableOf(unsafe: RegExp): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (unsafe.test(String.fromCharCode(code)) ? 0 : 1));
}

/** As Apache writes a value: `\"`, `\\`, and `\x..` for each other byte that is not printable ASCII. */
export function escaped(text: string): string {
  return text.replace(ALL_UNSAFE, escapeOne);
}

/** The same of a value that stands without quotes: it has no blanks and no brackets either. */
export function escapedWord(text: string): string {
  return text.replace(ALL_UNSAFE_OR_BLANKS, escapeOne);
}

function escapeOne(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  const code = character.codePointAt(0) as number;
  // Node reads a head byte by byte, so most are bytes; what an application sets may be more.
  const bytes = code < 256 ? [code] : Buffer.from(character, 'utf8');
  return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}

/** What stands between the quotes of a string of JSON, in ASCII alone: so nothing in it is a new line to anybody (U+2028), and it is as many bytes as characters. */
export function jsonText(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

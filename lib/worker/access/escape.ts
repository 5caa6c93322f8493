/**
 * Matches what must be escaped in text of a client that is printed between quotes, or between blanks: no byte of it may
 * end a value or a line, or act on a terminal.
 */
const UNSAFE = /[^\x20\x21\x23-\x5b\x5d-\x7e]/;
const ALL_UNSAFE = new RegExp(UNSAFE, 'gu');
const UNSAFE_OR_BLANK = /[^\x21\x23-\x5a\x5e-\x7e]/;
const ALL_UNSAFE_OR_BLANKS = new RegExp(UNSAFE_OR_BLANK, 'gu');

/** The same as tables: 1 for each code below 256 that needs no escape there. `ANYWHERE` is for text of this library. */
export const ANYWHERE: Uint8Array = new Uint8Array(256).fill(1);
export const IN_VALUE: Uint8Array = tableOf(UNSAFE);
export const IN_WORD: Uint8Array = tableOf(UNSAFE_OR_BLANK);

function tableOf(unsafe: RegExp): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (unsafe.test(String.fromCharCode(code)) ? 0 : 1));
}

/** Escapes a quoted value as Apache does: `\"`, `\\`, and `\x..` for each other byte that is not printable ASCII. */
export function escaped(text: string): string {
  return text.replace(ALL_UNSAFE, escapeOne);
}

/** Escapes a value that stands without quotes: blanks and brackets are escaped, too. */
export function escapedWord(text: string): string {
  return text.replace(ALL_UNSAFE_OR_BLANKS, escapeOne);
}

function escapeOne(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  const code = character.codePointAt(0) as number;
  // Node reads a head as Latin-1, so most characters are one byte; those in headers of the application may be more.
  const bytes = code < 256 ? [code] : Buffer.from(character, 'utf8');
  return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}

/**
 * The content of a JSON string, without its quotes, in ASCII only. So nothing in it is a line break to any reader
 * (U+2028), and it has as many bytes as characters.
 */
export function jsonText(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

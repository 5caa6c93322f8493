/*
 * Text for humans, made of what may come from a client or an application: no piece of it can begin a new line, act on a
 * terminal or flood the log.
 */

import type { AddressInfo } from 'node:net';

/** Characters of a piece that is put into a line. */
const MAX_PIECE = 1_000;

/** Control characters, formatting ones (some reorder what one reads), separators of lines, and halves of pairs. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** The text with what is unsafe written as in a string of JSON, cut where it is too long. */
export function printable(text: string): string {
  return escapeUnsafe(cut(text));
}

/** The same in quotes, so that nobody takes a part of it for a part of the line. */
export function quoted(text: string): string {
  return escapeUnsafe(JSON.stringify(cut(text)));
}

/** JSON leaves some of it as it is; where it does, it means the same when it is escaped. */
export function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  });
}

export function duration(milliseconds: number): string {
  return milliseconds < 1_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1_000).toFixed(1)} s`;
}

function cut(text: string): string {
  return text.length > MAX_PIECE ? `${text.slice(0, MAX_PIECE)}…` : text;
}

/** Where somebody listens: what the system says of a socket; else a path, or a descriptor as `fd://3`. */
export function addressText(address: AddressInfo | string): string {
  if (typeof address === 'string') return address.startsWith('fd://') ? address : printable(`unix:${address}`);
  const { family, address: host, port } = address;
  return family === 'IPv6' ? `[${host}]:${port}` : `${host}:${port}`;
}

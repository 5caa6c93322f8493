/*
 * Text for humans, made of pieces that may come from a client or an application. No piece can begin a new line, act on
 * a terminal or flood the log.
 */

import type { AddressInfo } from 'node:net';

/** The most characters of a piece of a line. */
const MAX_PIECE = 1_000;

/**
 * Control characters, format characters (some reorder the text), line and paragraph separators, and lone surrogates.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** The text with unsafe characters escaped as in JSON, and cut if it is too long. */
export function printable(text: string): string {
  return escapeUnsafe(cut(text));
}

/** Like printable(), but in quotes, so that the piece cannot be taken for a part of the line. */
export function quoted(text: string): string {
  return escapeUnsafe(JSON.stringify(cut(text)));
}

/**
 * Escapes unsafe characters. In a text of JSON this is safe: those that JSON.stringify() leaves mean the same when they
 * are escaped.
 */
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

/** An address at which something listens: the system's address of a socket, a path, or a descriptor as `fd://3`. */
export function addressText(address: AddressInfo | string): string {
  if (typeof address === 'string') return address.startsWith('fd://') ? address : printable(`unix:${address}`);
  const { family, address: host, port } = address;
  return family === 'IPv6' ? `[${host}]:${port}` : `${host}:${port}`;
}

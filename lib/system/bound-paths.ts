import type { BigIntStats } from 'node:fs';
import { basename, dirname } from 'node:path';
import { files } from './files.js';

/**
 * proc(5): a socket that belongs to no connection, whether it listens or not. Connections that a listening socket has
 * accepted have its name too, and may live on long after it was closed.
 */
const UNCONNECTED = /^\w+: \S+ \S+ \S+ \S+ 01 +\d+ (?<path>\/.+)$/gm;

/**
 * Whether any process has bound a Unix socket by one of these names in a folder, whatever path it used for the folder.
 * This also finds a socket on which nobody listens yet. Only Linux tells this; elsewhere nothing is known, and the
 * result is false.
 */
export function isBound(folder: string, names: readonly string[]): boolean {
  let table: string;
  try {
    table = files.readFileSync('/proc/net/unix', 'utf8');
  } catch {
    return false;
  }
  for (const { groups } of table.matchAll(UNCONNECTED)) {
    const path = groups?.['path'] ?? '';
    if (names.includes(basename(path)) && isSame(dirname(path), folder)) return true;
  }
  return false;
}

function isSame(one: string, other: string): boolean {
  if (one === other) return true;
  try {
    const [{ dev, ino }, found] = [one, other].map((path) => files.statSync(path, { bigint: true })) as [
      BigIntStats,
      BigIntStats,
    ];
    return dev === found.dev && ino === found.ino;
  } catch {
    return false;
  }
}

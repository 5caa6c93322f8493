import { readFileSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of this library's code, with all links followed. */
export const LIBRARY: string = fileURLToPath(new URL('..', import.meta.url));

/**
 * The same by the name of a link that one of these paths goes through, so that it is found again when the link is turned: releases
 * bring their own copies of their dependencies, and the workers of a release must begin with the copy that its code imports.
 */
export function namedLibrary(paths: readonly string[]): string {
  for (const named of paths) {
    const [link, folder] = withoutCommonEnd(named, realPath(named) ?? named);
    if (link !== folder && LIBRARY.startsWith(folder + sep)) return link + LIBRARY.slice(folder.length);
  }
  return LIBRARY;
}

/** The folder that this leads to, if that is another copy of the same version; else the own one. */
export function libraryAt(named: string): string {
  const path = realPath(named);
  return path !== undefined && versionAt(path) === versionAt(LIBRARY) ? join(path, sep) : LIBRARY;
}

function versionAt(library: string): unknown {
  try {
    const { name, version } = JSON.parse(readFileSync(join(library, '..', 'package.json'), 'utf8'));
    return `${name} ${version}`;
  } catch {
    return undefined;
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function withoutCommonEnd(one: string, other: string): [string, string] {
  const [a, b] = [one.split(sep), other.split(sep)];
  while (a.length > 1 && b.length > 1 && a.at(-1) === b.at(-1)) {
    a.pop();
    b.pop();
  }
  return [a.join(sep), b.join(sep)];
}

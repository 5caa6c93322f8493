import { readFileSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * The folder of this library's code, with all links followed: `dist/`, or what the compiler has written, `build/`. It is found by its name,
 * since in `dist/` this line may stand in a file of any depth.
 */
export const LIBRARY: string = fileURLToPath(
  /^.*\/(?:dist|build)\//.exec(import.meta.url)?.[0] ?? new URL('..', import.meta.url),
);

/** The first code of a worker, in the copy of this library in that folder, as `--import` takes it. */
export function preludeIn(library: string): string {
  return pathToFileURL(join(library, 'worker/entry/prelude.js')).href;
}

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

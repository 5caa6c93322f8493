import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * The folder of this library's code, with all links followed: `dist/`, or what the compiler has written, `build/`. It is found by its name,
 * since in `dist/` this line may stand in a file of any depth. Where a bundler has taken the code elsewhere, it leads anywhere, see {@link strayed}.
 */
export const LIBRARY: string = folderOf(import.meta.url);

/** Of a bundler, `url` is what it likes: undefined, a text that it has made, or where the code was when it was bundled. */
function folderOf(url: string | undefined): string {
  try {
    return fileURLToPath(/^.*\/(?:dist|build)\//.exec(url ?? '')?.[0] ?? new URL('..', url));
  } catch {
    return '';
  }
}

/** The first code of a worker, by its path in {@link LIBRARY}. */
const PRELUDE = 'worker/entry/prelude.js';

/** The same in the copy of this library in that folder, as `--require` takes it. */
export function preludePathIn(library: string): string {
  return join(library, PRELUDE);
}

/** The same, as `--import` takes it. */
export function preludeIn(library: string): string {
  return pathToFileURL(preludePathIn(library)).href;
}

/**
 * Where this code runs, if that is not where it belongs, so that its workers could not be started: it has been bundled into a file of an application, or
 * copied without the files that it names in no import. Undefined where all is well.
 *
 * @param running - the file that it runs from, where that is known. The folder alone does not tell: a bundler may leave in the code where it was bundled.
 */
export function strayed(
  library: string = LIBRARY,
  running: string | undefined = runningFile(),
): { readonly from: string } | undefined {
  const inside = running === undefined || (library !== '' && running.startsWith(library));
  if (inside && isThere(join(library, PRELUDE))) return undefined;
  return { from: running ?? library };
}

/** What node's permission model hides may be there. */
function isThere(path: string): boolean {
  const { permission } = process as { readonly permission?: { has(scope: string, reference: string): boolean } };
  return existsSync(path) || permission?.has('fs.read', path) === false;
}

/** The file of this line, as the engine knows it: what the application has made of stacks is set aside. Undefined where that is not to be had. */
function runningFile(): string | undefined {
  const { prepareStackTrace, stackTraceLimit } = Error;
  const fileOf = (_error: Error, [frame]: NodeJS.CallSite[]) =>
    frame?.getFileName() ?? frame?.getScriptNameOrSourceURL();
  // Where somebody has frozen it, nothing is set, and nothing thrown.
  const isSet = Reflect.set(Error, 'prepareStackTrace', fileOf) && Reflect.set(Error, 'stackTraceLimit', 1);
  try {
    const { stack: file }: { readonly stack?: unknown } = new Error();
    if (!isSet || typeof file !== 'string' || file === '') return undefined;
    return file.startsWith('file:') ? fileURLToPath(file) : file;
  } finally {
    Reflect.set(Error, 'prepareStackTrace', prepareStackTrace);
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  }
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

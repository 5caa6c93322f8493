import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * The folder of this library's code, with all links followed: `dist/`, or the compiler's output, `build/`. It is found
 * by its name, since in `dist/` this line may stand in a file at any depth. If a bundler has moved the code, the path
 * is meaningless, see {@link strayed}.
 */
export const LIBRARY: string = folderOf(import.meta.url);

/**
 * A bundler may replace `import.meta.url` by undefined, by a text of its own, or by the place where the code was when
 * it was bundled.
 */
function folderOf(url: string | undefined): string {
  try {
    return fileURLToPath(/^.*\/(?:dist|build)\//.exec(url ?? '')?.[0] ?? new URL('..', url));
  } catch {
    return '';
  }
}

/** The module that a worker loads first; relative to {@link LIBRARY}. */
const PRELUDE = 'worker/entry/prelude.js';

/** The path of the prelude in a given copy of this library, as `--require` takes it. */
export function preludePathIn(library: string): string {
  return join(library, PRELUDE);
}

/** The URL of the prelude in a given copy of this library, as `--import` takes it. */
export function preludeIn(library: string): string {
  return pathToFileURL(preludePathIn(library)).href;
}

/**
 * Where this code runs from, if it is not in its own folder, so that its workers could not be started. That is so if it
 * was bundled into a file of an application, or copied without the files that no import names. Returns undefined if all
 * is well.
 *
 * @param running - the file that the code runs from, if known. The folder alone does not tell: a bundler may have kept
 * the original path in the code.
 */
export function strayed(
  library: string = LIBRARY,
  running: string | undefined = runningFile(),
): { readonly from: string } | undefined {
  const inside = running === undefined || (library !== '' && running.startsWith(library));
  if (inside && isThere(join(library, PRELUDE))) return undefined;
  return { from: running ?? library };
}

/** Whether the file exists. A file that node's permission model hides counts as existing. */
function isThere(path: string): boolean {
  const { permission } = process as { readonly permission?: { has(scope: string, reference: string): boolean } };
  return existsSync(path) || permission?.has('fs.read', path) === false;
}

/**
 * The file of this line, as the engine knows it, past any `Error.prepareStackTrace` of the application. Undefined if
 * the engine does not tell.
 */
function runningFile(): string | undefined {
  const { prepareStackTrace, stackTraceLimit } = Error;
  const fileOf = (_error: Error, [frame]: NodeJS.CallSite[]) =>
    frame?.getFileName() ?? frame?.getScriptNameOrSourceURL();
  // If somebody has frozen `Error`, Reflect.set changes nothing and does not throw.
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
 * The path of {@link LIBRARY} through a symbolic link that is part of one of these paths. So after a deploy turns the
 * link, the path leads to the new release. Each release brings its own copies of its dependencies, and the workers of a
 * release must begin with the copy that its code imports.
 */
export function namedLibrary(paths: readonly string[]): string {
  for (const named of paths) {
    const [link, folder] = withoutCommonEnd(named, realPath(named) ?? named);
    if (link !== folder && LIBRARY.startsWith(folder + sep)) return link + LIBRARY.slice(folder.length);
  }
  return LIBRARY;
}

/** The folder that this path leads to, if it holds a copy of the same version; else this library's own folder. */
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

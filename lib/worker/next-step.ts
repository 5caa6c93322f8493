/*
 * Hints for the end of an error's message, for errors that come from how the application was started, not from what it
 * does.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type { SerializedError } from '../serialized-error.js';

/**
 * What the user can do about an error; undefined where there is no hint. `version` (of Node) and `inThread` describe
 * this worker.
 */
export function nextStep(
  { name, code, message, stack = '' }: SerializedError,
  version: string = process.versions.node,
  inThread: boolean = !isMainThread,
): string | undefined {
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /"\.[cm]?tsx?"/.test(message)) return forTypes(version, inThread);
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') return `Node only takes the types away; ${TSX}`;
  if (TRANSFORMED_AWAIT.test(message)) return AS_MODULE;
  if (name === 'SyntaxError' && ONLY_IN_MODULES.test(message)) return forModules(stack);
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return forEnding(message);
  return name === 'TypeError' && message === 'process.send is not a function' ? NO_CHANNEL : undefined;
}

const TSX = 'tsx makes JavaScript of it, as a flag of the workers: --exec-argv=--import=tsx (execArgv)';
/** esbuild's message, which appears where tsx compiles a file to CommonJS. */
const TRANSFORMED_AWAIT = /Top-level await is currently not supported with the "cjs" output format/;
const AS_MODULE =
  'tsx makes CommonJS of what is not named .mts, in a package that does not say "type": "module": write that in its package.json, or rename the file';
const NO_CHANNEL =
  'a worker has no channel of child_process or cluster: the host gets what `worker.send()` of prefork is given; `process.send?.()` does nothing here';

function forTypes(version: string, inThread: boolean): string {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  // https://github.com/privatenumber/tsx/issues/354
  if (major === 20 && inThread)
    return `threads of Node ${version} load no TypeScript, also with tsx: take another class than 'threaded', or Node 22.18`;
  const loadsSome = major > 22 || (major === 22 && minor >= 18);
  return loadsSome ? TSX : `this is Node ${version}, and TypeScript is loaded from 22.18 on; before, ${TSX}`;
}

const ENDINGS = ['.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs'];

/**
 * For `./order` or `./order.js` where the file is `order.ts`: bundlers and compilers find it, Node takes names as they
 * are.
 */
function forEnding(message: string): string | undefined {
  const path = missingFile(message);
  if (path === undefined || path.includes('/node_modules/')) return undefined;
  const stem = /\.[cm]?js$/.test(path) ? path.slice(0, -extname(path).length) : path;
  const there = [...ENDINGS.map((ending) => stem + ending), ...ENDINGS.map((ending) => join(path, `index${ending}`))];
  const found = there.find((file) => file !== path && existsSync(file));
  if (found === undefined) return undefined;
  const named = dirname(found) === path ? join(basename(path), basename(found)) : basename(found);
  return `there is ${named}: Node wants the whole name, with that ending`;
}

/** The absolute path that was looked for; undefined for a package. */
function missingFile(message: string): string | undefined {
  const [, imported] = /^Cannot find module '(\/[^'\n]*)' imported from /.exec(message) ?? [];
  if (imported !== undefined) return imported;
  const [, required = '', by] = /^Cannot find module '(\.[^'\n]*)'\nRequire stack:\n- (\/.*)/.exec(message) ?? [];
  return by === undefined ? undefined : resolve(dirname(by), required);
}

/** V8's messages about the syntax of ES modules in a CommonJS module. */
const ONLY_IN_MODULES =
  /^(?:Cannot use import statement outside a module|Unexpected token 'export'|Cannot use 'import\.meta' outside a module|await is only valid in async functions and the top level bodies of modules)$/;

/**
 * For ES module syntax in a CommonJS file. Node says the same in a warning, which is easily missed among the logs of
 * several workers. The first line of the stack names the file.
 */
function forModules(stack: string): string | undefined {
  const [, file] = /^(\/.*):\d+\n/.exec(stack) ?? [];
  // The user cannot rename the files of somebody else's package.
  if (file === undefined || file.includes('/node_modules/')) return undefined;
  const ending = extname(file);
  const named = ending.includes('ts') ? '.mts' : '.mjs';
  if (ending.startsWith('.c')) return `${file} is CommonJS by its name: ES modules are named ${named}`;
  const manifest = manifestOf(file);
  return manifest === undefined
    ? undefined
    : `${file} is CommonJS, since ${manifest} says "type": "commonjs": write "type": "module" there, or name the file ${named}`;
}

/** The nearest readable package.json, if it says that the file is CommonJS; else undefined. */
function manifestOf(file: string): string | undefined {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    try {
      const { type } = JSON.parse(readFileSync(path, 'utf8')) as { readonly type?: unknown };
      // Without a "type" Node detects the syntax itself, and has found that the file is no ES module either.
      return type === 'commonjs' ? path : undefined;
    } catch {
      if (folder === dirname(folder)) return undefined;
    }
  }
}

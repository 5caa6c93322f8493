/* Finds `prefork.config.js` and the like, loads it, and checks it key by key. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import type { OptionName } from '../options/resolved.js';
import { meant } from '../options/unknown.js';
import { OPTIONS } from '../options/validate.js';
import { messageOf, serializeError } from '../serialized-error.js';
import { usage } from './command-line.js';
import { APP } from './settings.js';
import { check } from './values.js';

/** The names that are looked for in the working directory. */
const ENDINGS = ['js', 'mjs', 'cjs', 'ts', 'mts', 'json'];
const NAMES = ENDINGS.map((ending) => `prefork.config.${ending}`);

export interface ConfigFile {
  readonly path: string;
  /** What messages call it. */
  readonly name: string;
  /** Each option that the file names, with its checked value. */
  readonly values: ReadonlyMap<OptionName, unknown>;
}

/**
 * Loads the file at that path; without a path, the config file in the folder, if there is one. Throws
 * `ERR_INVALID_OPTION`.
 */
export async function loadConfig(path: string | undefined, folder: string): Promise<ConfigFile | undefined> {
  const found = path === undefined ? findConfig(folder) : resolve(folder, path);
  if (found === undefined) return undefined;
  const name = path ?? basename(found);
  if (!existsSync(found)) throw usage(`the config ${name} does not exist`);
  const config = found.endsWith('.json') ? readJson(found, name) : await importConfig(found, name);
  return { path: found, name, values: checkConfig(config, name) };
}

function findConfig(folder: string): string | undefined {
  const there = NAMES.filter((name) => existsSync(join(folder, name)));
  const [first, second] = there;
  if (second !== undefined) throw usage(`there are ${there.join(' and ')}: keep one, or name one with --config`);
  return first === undefined ? undefined : join(folder, first);
}

function readJson(path: string, name: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw usage(`the config ${name} cannot be read: ${(error as Error).message}`);
  }
}

async function importConfig(path: string, name: string): Promise<unknown> {
  try {
    const { default: whole } = (await import(pathToFileURL(path).href)) as { readonly default?: unknown };
    // A compiler to CommonJS makes `export default` a property of `module.exports`.
    const { __esModule: compiled, default: inner } = Object(whole) as { __esModule?: unknown; default?: unknown };
    // A promise of an object of options is as good as the object.
    return await (compiled === true ? inner : whole);
  } catch (error) {
    if (serializeError(error).code === 'ERR_UNKNOWN_FILE_EXTENSION' && !/\.[cm]?tsx?$/.test(path)) {
      throw usage(
        `the config ${name} cannot be loaded: expected a file that ends in ${ENDINGS.map((ending) => `.${ending}`).join(' ')}`,
      );
    }
    if (serializeError(error).code === 'ERR_UNKNOWN_FILE_EXTENSION') {
      throw usage(
        `the config ${name} cannot be loaded: this is Node ${process.versions.node}, and TypeScript is loaded from 22.18 on; use prefork.config.mjs, or a loader such as tsx in NODE_OPTIONS`,
      );
    }
    throw Object.assign(usage(`the config ${name} cannot be loaded: ${messageOf(error)}`), { cause: error });
  }
}

function checkConfig(config: unknown, name: string): Map<OptionName, unknown> {
  const prototype = Object(config) === config ? Object.getPrototypeOf(config) : undefined;
  if (prototype === undefined || Array.isArray(config) || typeof config === 'function') {
    throw usage(
      `the config ${name}: expected an object of options as the default export, got ${inspect(config, { depth: 0 })}`,
    );
  }
  const values = new Map<OptionName, unknown>();
  for (const [key, value] of Object.entries(config as object)) {
    const record = OPTIONS.get(key as OptionName);
    if (record === undefined) throw usage(`the config ${name}: unknown option '${key}'${meant(key, OPTIONS)}`);
    if (value === undefined) continue;
    const option = { name: key as OptionName, record };
    const where = `the config ${name}: option '${key}'`;
    if (key === APP && !(typeof value === 'string' || value instanceof URL)) {
      throw usage(
        `${where}: expected the specifier or URL of a module, since the workers load it, got ${typeof value}`,
      );
    }
    values.set(option.name, check(option, value, where));
  }
  return values;
}

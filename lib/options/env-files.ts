import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { ArbiterError } from '../errors.js';
import { workingFolder } from './working-folder.js';

/** A file of variables that node, or the host's own script, puts into the environment. */
export interface EnvFile {
  readonly path: string;
  /** Whether the file may be missing without an error. */
  readonly optional: boolean;
  /** The words on the command line that name it. */
  readonly words: readonly string[];
}

type Variables = ReadonlyMap<string, string>;
const NOTHING: Variables = new Map();

/** A file from which this process got variables. */
interface Source extends EnvFile {
  /** All variables that the file had then. */
  readonly said: Variables;
  /** Those of them that this process has from the file. */
  readonly given: Variables;
}

/** Node also accepts underscores in the name of a flag. */
const FLAG = /^--env[-_]file(?<optional>[-_]if[-_]exists)?(?:=(?<path>.*))?$/s;

/**
 * Splits the flags of node into those that do not name such files, and the files. Relative paths are resolved from
 * `folder`.
 */
export function splitEnvFiles(
  execArgv: readonly string[],
  folder: string,
): { readonly flags: readonly string[]; readonly files: readonly EnvFile[] } {
  const flags: string[] = [];
  const files: EnvFile[] = [];
  for (let index = 0; index < execArgv.length; index++) {
    const flag = execArgv[index] as string;
    const found = FLAG.exec(flag)?.groups;
    if (!found) {
      flags.push(flag);
      continue;
    }
    const words = found['path'] === undefined ? [flag, execArgv[++index] ?? ''] : [flag];
    const path = resolve(folder, found['path'] ?? words.at(-1) ?? '');
    files.push({ path, optional: found['optional'] !== undefined, words });
  }
  return { flags, files };
}

/**
 * The variables of several files. If several files set a variable, the last one counts, as with node. Throws
 * `ERR_INVALID_OPTION`.
 */
export function readEnvFiles(files: readonly EnvFile[]): Variables {
  return new Map(files.flatMap((file) => [...(read(file) ?? [])]));
}

/**
 * The files from which a part of this process's environment comes: those of `--env-file`, and `.env`, the default of
 * dotenv and `process.loadEnvFile()`.
 *
 * Loading such a file never changes a variable that is already set. So a process that inherits this environment and
 * loads the file again would get the file's new variables, but keep the old values of the others. Therefore a new
 * generation gets what the files say when it begins, and a successor of this process gets none of their variables: it
 * loads the files itself.
 */
export class EnvFiles {
  readonly #flagged: readonly EnvFile[];
  readonly #others: readonly EnvFile[];
  readonly #startedWith: ReadonlySet<string> | undefined;
  readonly #sources = new Map<string, Source>();

  /** @param startedWith - the names of the variables that the process was started with, if the system tells them. */
  constructor(flagged: readonly EnvFile[], others: readonly EnvFile[], startedWith: ReadonlySet<string> | undefined) {
    this.#flagged = flagged;
    this.#others = others.filter(({ path }) => !flagged.some((file) => file.path === path));
    this.#startedWith = startedWith;
  }

  /** Finds out which variable came from which file. To be called when the host has loaded its files. */
  note(env: NodeJS.ProcessEnv): void {
    for (const file of [...this.#others, ...this.#flagged]) {
      if (this.#sources.has(file.path)) continue;
      const flagged = this.#flagged.includes(file);
      // A flagged file that is missing now may exist when it is read again.
      const said = readQuietly(file) ?? (flagged && !existsSync(file.path) ? NOTHING : undefined);
      if (!said) continue;
      const given = new Map([...said].filter(([name, value]) => env[name] === value && !this.#startedWith?.has(name)));
      // Nothing tells whether the script has loaded this file. If it has, every variable of the file is set.
      const loaded = flagged || (given.size > 0 && [...said.keys()].every((name) => name in env));
      if (loaded) this.#sources.set(file.path, { ...file, said, given });
    }
  }

  /**
   * An environment with what the files say now. A variable that the host has changed or removed since then stays so.
   * Throws `ERR_INVALID_OPTION` if a required file cannot be read.
   */
  renew(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    const renewed = { ...env };
    const sources = [...this.#sources.values()];
    // For a file that is gone, the last known variables are kept.
    const now = sources.flatMap((source) => [...(read(source) ?? source.given)]);
    const known = new Set(sources.flatMap(({ said }) => [...said.keys()]));
    const taken = this.#taken(env, sources);
    for (const name of taken) delete renewed[name];
    for (const [name, value] of now) {
      if (taken.has(name) || (!known.has(name) && !(name in env))) renewed[name] = value;
    }
    return renewed;
  }

  /** An environment for a process that loads the files itself. */
  withhold(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    const rest = { ...env };
    const there = [...this.#sources.values()].filter(({ path }) => isFile(path));
    for (const name of this.#taken(env, there)) delete rest[name];
    return rest;
  }

  /**
   * The flags of node for such a process. A file that could be read only once is left out; its variables are handed on
   * instead.
   */
  get flags(): readonly string[] {
    return this.#flagged.filter(({ path }) => this.#sources.has(path)).flatMap(({ words }) => words);
  }

  /** The names of the variables that an environment has from these files. */
  #taken(env: NodeJS.ProcessEnv, sources: readonly Source[]): Set<string> {
    const given = sources.flatMap((source) => [...source.given]);
    return new Set(given.flatMap(([name, value]) => (env[name] === value ? [name] : [])));
  }
}

/** The files of this process. */
export const envFiles: EnvFiles = ofThisProcess();

function ofThisProcess(): EnvFiles {
  const folder = workingFolder();
  const { files } = splitEnvFiles(process.execArgv, folder);
  const path = resolve(folder, process.env['DOTENV_CONFIG_PATH'] || '.env');
  return new EnvFiles(files, [{ path, optional: true, words: [] }], namesAtStart());
}

/** The names at the exec, whatever has changed since: `/proc/self/environ`, see proc(5). Only Linux has it. */
function namesAtStart(): ReadonlySet<string> | undefined {
  try {
    const all = readFileSync('/proc/self/environ', 'utf8').split('\0');
    return new Set(all.map((variable) => variable.slice(0, variable.indexOf('='))));
  } catch {
    return undefined;
  }
}

/**
 * Returns undefined for an optional file that is missing, and for one that can be read only once: a pipe, for example
 * of `<(…)`.
 */
function read(file: EnvFile): Variables | undefined {
  try {
    if (!statSync(file.path).isFile()) return undefined;
    return new Map(Object.entries(parseEnv(readFileSync(file.path, 'utf8')) as Record<string, string>));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (file.optional && code === 'ENOENT') return undefined;
    throw new ArbiterError('ERR_INVALID_OPTION', `the file of variables ${file.path} cannot be read: ${message}`, {
      cause: error,
    });
  }
}

function readQuietly(file: EnvFile): Variables | undefined {
  try {
    return read(file);
  } catch {
    return undefined;
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { ArbiterError } from '../errors.js';
import { workingFolder } from './working-folder.js';

/** A file with variables that node, or the host's own script, puts into the environment. */
export interface EnvFile {
  readonly path: string;
  /** Where it is missing, that is no error. */
  readonly optional: boolean;
  /** The words on the command line that name it. */
  readonly words: readonly string[];
}

type Variables = ReadonlyMap<string, string>;
const NOTHING: Variables = new Map();

/** A file that this process has its variables from. */
interface Source extends EnvFile {
  /** All that it said then. */
  readonly said: Variables;
  /** What of that this process has from it. */
  readonly given: Variables;
}

/** Node takes the name of a flag with underscores too. */
const FLAG = /^--env[-_]file(?<optional>[-_]if[-_]exists)?(?:=(?<path>.*))?$/s;

/** The flags of node without those that name such files, and the files, relative ones below that folder. */
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

/** What several files say together; of those that name a variable, the last one counts, as with node. Throws `ERR_INVALID_OPTION`. */
export function readEnvFiles(files: readonly EnvFile[]): Variables {
  return new Map(files.flatMap((file) => [...(read(file) ?? [])]));
}

/**
 * The files that the environment of this process comes from in part: those of `--env-file`, and `.env`, which dotenv and
 * `process.loadEnvFile()` take where nothing else is said.
 *
 * None of them changes a variable that is there already. So whoever inherits the environment of this process and loads such a file anew would
 * have the new variables of it, and the old values of the others. That is why a new generation gets what the files say
 * when it begins, and a successor of this process gets nothing of them: it loads them itself.
 */
export class EnvFiles {
  readonly #flagged: readonly EnvFile[];
  readonly #others: readonly EnvFile[];
  readonly #startedWith: ReadonlySet<string> | undefined;
  readonly #sources = new Map<string, Source>();

  /** @param startedWith - the names of the variables that the process was started with, where the system tells. */
  constructor(flagged: readonly EnvFile[], others: readonly EnvFile[], startedWith: ReadonlySet<string> | undefined) {
    this.#flagged = flagged;
    this.#others = others.filter(({ path }) => !flagged.some((file) => file.path === path));
    this.#startedWith = startedWith;
  }

  /** To be called when the host has loaded what it loads: finds out what came from which file. */
  note(env: NodeJS.ProcessEnv): void {
    for (const file of [...this.#others, ...this.#flagged]) {
      if (this.#sources.has(file.path)) continue;
      const flagged = this.#flagged.includes(file);
      // One that is not there yet may be when it is read anew.
      const said = readQuietly(file) ?? (flagged && !existsSync(file.path) ? NOTHING : undefined);
      if (!said) continue;
      const given = new Map([...said].filter(([name, value]) => env[name] === value && !this.#startedWith?.has(name)));
      // Nobody says whether the script has loaded it. All that it names would be there then.
      const loaded = flagged || (given.size > 0 && [...said.keys()].every((name) => name in env));
      if (loaded) this.#sources.set(file.path, { ...file, said, given });
    }
  }

  /**
   * An environment with what the files say now. What the host has changed, or taken out, since it was loaded stays so. Throws
   * `ERR_INVALID_OPTION` where a file cannot be read that must be there.
   */
  renew(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    const renewed = { ...env };
    const sources = [...this.#sources.values()];
    // Of one that is gone nothing newer is known.
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

  /** The flags of node for such a process. What could be read only once cannot be named again; its variables are handed on. */
  get flags(): readonly string[] {
    return this.#flagged.filter(({ path }) => this.#sources.has(path)).flatMap(({ words }) => words);
  }

  /** What an environment has from these files. */
  #taken(env: NodeJS.ProcessEnv, sources: readonly Source[]): Set<string> {
    const given = sources.flatMap((source) => [...source.given]);
    return new Set(given.flatMap(([name, value]) => (env[name] === value ? [name] : [])));
  }
}

/** Those of this process. */
export const envFiles: EnvFiles = ofThisProcess();

function ofThisProcess(): EnvFiles {
  const folder = workingFolder();
  const { files } = splitEnvFiles(process.execArgv, folder);
  const path = resolve(folder, process.env['DOTENV_CONFIG_PATH'] || '.env');
  return new EnvFiles(files, [{ path, optional: true, words: [] }], namesAtStart());
}

/** proc(5): as they were at the exec, whatever has been changed since. Linux alone tells. */
function namesAtStart(): ReadonlySet<string> | undefined {
  try {
    const all = readFileSync('/proc/self/environ', 'utf8').split('\0');
    return new Set(all.map((variable) => variable.slice(0, variable.indexOf('='))));
  } catch {
    return undefined;
  }
}

/** Undefined for one that is missing and may be, and for what can be read only once: a pipe, for example of `<(…)`. */
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

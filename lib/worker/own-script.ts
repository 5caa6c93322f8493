/* What this worker runs of its host: the script, in the inline form, or a module; and what to do about an error that has to do with that. */
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { recognizeApp } from '../options/application.js';
import { type SerializedError, serializeError } from '../serialized-error.js';
import { nextStep } from './next-step.js';

const HINT =
  "each worker runs the script of the host up to start() or run(): what the master alone is to do there (listen to a port of the host's own, migrate a database) belongs behind `if (!Arbiter.isWorker)`";

/** For a script that is not the user's own: how it came to the user's, no worker can repeat. */
function runnerHint(script = process.argv[1] ?? ''): string | undefined {
  if (!script.includes('/node_modules/')) return undefined;
  return `each worker runs ${shown(script)} again: where a test runner or a loader has loaded the script of the host, give 'app' as a module, new URL('./app.mjs', import.meta.url)`;
}

/** The script of the host, which a worker of the inline form runs again. */
class OwnScript {
  #state: 'none' | 'runs' | 'arrived' = 'none';

  begin(): void {
    this.#state = 'runs';
  }

  /** It has come to the Arbiter that this worker is for. */
  arrive(): void {
    this.#state = 'arrived';
  }

  get runs(): boolean {
    return this.#state === 'runs';
  }

  get hasArrived(): boolean {
    return this.#state === 'arrived';
  }
}

/** Of this worker; of the module form there is none. */
export const ownScript: OwnScript = new OwnScript();

type Namespace = Readonly<Record<string, unknown>>;

/** Names of exports that Node adds to CommonJS modules, and the one that is taken where none is named. */
const NOT_NAMED: ReadonlySet<string> = new Set(['default', 'module.exports', '__esModule']);
/** How many exports a message proposes. */
const MOST = 3;

/** The module of the application, as it was loaded: what to do where nothing of it can be served. */
class OwnModule {
  #specifier: string | undefined;
  #exports: Namespace = {};
  #listens = false;

  /** @param specifier - without the export. */
  begin(specifier: string): void {
    this.#specifier = specifier;
  }

  loaded(namespace: Namespace): void {
    this.#exports = namespace;
  }

  /** It has had an HTTP server listen. */
  noteListen(): void {
    this.#listens = true;
  }

  /** How it is started instead; undefined where there is no module. */
  get runAs(): string | undefined {
    return this.#specifier === undefined ? undefined : `prefork run ${shown(this.#specifier)}`;
  }

  /** What to do about an error of this message, if it is of the module's place or exports. */
  nextStep(message: string): string | undefined {
    if (this.#specifier === undefined) return undefined;
    if (isMissing(message, this.#specifier)) return placeText(this.#specifier);
    if (!OF_EXPORTS.test(message)) return undefined;
    if (this.#listens) return `it listens by itself: ${this.runAs}`;
    const names = this.#applications();
    if (names.length > 0) return `name the one that is meant: ${names.map((name) => this.#named(name)).join(', ')}`;
    return NOTHING.test(message) ? `if it listens by itself: ${this.runAs}` : undefined;
  }

  /** An address that the module listens on is taken: by another worker's, as a rule. */
  get alone(): string | undefined {
    if (!this.#listens) return undefined;
    return `the application listens by itself, which only one worker can: export it without listen(), or ${this.runAs}`;
  }

  #named(name: string): string {
    return `'${shown(this.#specifier as string)}#${name}'`;
  }

  #applications(): string[] {
    return Object.keys(this.#exports)
      .filter((name) => !NOT_NAMED.has(name) && isApplication(this.#exports[name]))
      .slice(0, MOST);
  }
}

/** Of this worker, or thread; of the inline form and of scripts there is none. */
export const ownModule: OwnModule = new OwnModule();

const OF_EXPORTS = /^(?:'.*' has no export '|expected as the application a function )/s;
const NOTHING = /; it exports nothing$|, got \{\}$/;

/** Whether it is the module itself that was not there, by a path in the working directory. */
function isMissing(message: string, specifier: string): boolean {
  return specifier.startsWith('.') && message.startsWith(`Cannot find module '${resolve(specifier)}' imported from `);
}

/** A service is often started from another folder than its own. */
function placeText(specifier: string): string {
  return `'${specifier}' is looked for in the working directory, ${process.cwd()}; a host that may be started from another folder says new URL('${specifier}', import.meta.url) instead`;
}

function isApplication(value: unknown): boolean {
  try {
    recognizeApp(value, () => new TypeError());
    return true;
  } catch {
    return false;
  }
}

/** As somebody in the working directory writes it. */
function shown(specifier: string): string {
  const path = specifier.startsWith('file:') ? fileURLToPath(specifier) : specifier;
  const near = path.startsWith('/') ? relative(process.cwd(), path) : path;
  return near.startsWith('..') ? path : near;
}

/**
 * An error of this worker as data, with what to do about it, where that is known. The master has got through the same script: what fails in it here is
 * likely to be what cannot be done twice. That somebody listens already is told when the script may have got further.
 *
 * @param ended - the script has come to its end, without an error.
 */
export function explained(error: unknown, ended = false): SerializedError {
  const data = serializeError(error);
  const listens = cannotListen(error);
  const hint =
    nextStep(data) ??
    ownModule.nextStep(data.message) ??
    (listens ? ownModule.alone : undefined) ??
    (ownScript.runs || (ownScript.hasArrived && listens) ? (runnerHint() ?? (ended ? undefined : HINT)) : undefined);
  if (hint === undefined) return data;
  const message = `${data.message} (${hint})`;
  return {
    ...data,
    message,
    ...(data.stack !== undefined && { stack: data.stack.replace(data.message, () => message) }),
  };
}

function cannotListen(error: unknown): boolean {
  try {
    const { code, syscall } = Object(error) as NodeJS.ErrnoException;
    return code === 'EADDRINUSE' && syscall === 'listen';
  } catch {
    // Whoever has thrown it may have put a getter there.
    return false;
  }
}

/*
 * What this worker runs of its host: the host's script (inline form) or a module (module form); and hints for errors
 * that have to do with that.
 */
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { recognizeApp } from '../options/application.js';
import { type SerializedError, serializeError } from '../serialized-error.js';
import { nextStep } from './next-step.js';

const HINT =
  "each worker runs the script of the host up to start() or run(): what the master alone is to do there (listen to a port of the host's own, migrate a database) belongs behind `if (!Arbiter.isWorker)`";

/**
 * A hint for a script in `node_modules`, such as a test runner: a worker cannot repeat how that came to load the user's
 * script.
 */
function runnerHint(script = process.argv[1] ?? ''): string | undefined {
  if (!script.includes('/node_modules/')) return undefined;
  return `each worker runs ${shown(script)} again: where a test runner or a loader has loaded the script of the host, give 'app' as a module, new URL('./app.mjs', import.meta.url)`;
}

/** How far this worker has run the script of the host; a worker of the inline form runs that script again. */
class OwnScript {
  #state: 'none' | 'runs' | 'arrived' = 'none';

  begin(): void {
    this.#state = 'runs';
  }

  /** The script has reached the Arbiter that this worker belongs to. */
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

/** The script of this worker; its state stays `'none'` in the module form. */
export const ownScript: OwnScript = new OwnScript();

type Namespace = Readonly<Record<string, unknown>>;

/** Names of exports that Node adds to CommonJS modules, and `default`, which is taken where no export is named. */
const NOT_NAMED: ReadonlySet<string> = new Set(['default', 'module.exports', '__esModule']);
/** How many exports a message proposes. */
const MOST = 3;

/** The application's module as it was loaded, and hints for when none of its exports can be served. */
class OwnModule {
  #specifier: string | undefined;
  #exports: Namespace = {};
  #listens = false;

  /** @param specifier - of the module, without the name of the export. */
  begin(specifier: string): void {
    this.#specifier = specifier;
  }

  loaded(namespace: Namespace): void {
    this.#exports = namespace;
  }

  /** The module has made an HTTP server listen. */
  noteListen(): void {
    this.#listens = true;
  }

  /** The command that starts it instead; undefined where there is no module. */
  get runAs(): string | undefined {
    return this.#specifier === undefined ? undefined : `prefork run ${shown(this.#specifier)}`;
  }

  /** A hint for an error with this message, if it is about where the module is or what it exports. */
  nextStep(message: string): string | undefined {
    if (this.#specifier === undefined) return undefined;
    if (isMissing(message, this.#specifier)) return placeText(this.#specifier);
    if (!OF_EXPORTS.test(message)) return undefined;
    if (this.#listens) return `it listens by itself: ${this.runAs}`;
    const names = this.#applications();
    if (names.length > 0) return `name the one that is meant: ${names.map((name) => this.#named(name)).join(', ')}`;
    return NOTHING.test(message) ? `if it listens by itself: ${this.runAs}` : undefined;
  }

  /** A hint for a module that listens on an address that is taken, usually by the same module in another worker. */
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

/** The module of this worker, or thread; it stays empty in the inline form and for scripts. */
export const ownModule: OwnModule = new OwnModule();

const OF_EXPORTS = /^(?:'.*' has no export '|expected as the application a function )/s;
const NOTHING = /; it exports nothing$|, got \{\}$/;

/** Whether it is the module itself that was not found, and it was named by a path relative to the working directory. */
function isMissing(message: string, specifier: string): boolean {
  return specifier.startsWith('.') && message.startsWith(`Cannot find module '${resolve(specifier)}' imported from `);
}

/** The hint where the module was not found: a service is often started from another folder than its own. */
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

/** A specifier as somebody in the working directory would write it. */
function shown(specifier: string): string {
  const path = specifier.startsWith('file:') ? fileURLToPath(specifier) : specifier;
  const near = path.startsWith('/') ? relative(process.cwd(), path) : path;
  return near.startsWith('..') ? path : near;
}

/**
 * An error of this worker as data, with a hint added to its message where there is one. The master has run the same
 * script without a failure, so what fails in it here is likely to be something that cannot be done twice. After the
 * script has reached the Arbiter, only an address that is in use gets that hint.
 *
 * @param ended - the script has come to its end without an error.
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
    // The thrown object may have getters that throw.
    return false;
  }
}

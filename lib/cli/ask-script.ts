/* Finds out where a script listens: it is started once by itself, and killed when it calls `listen()`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { onExit } from 'signal-exit';
import { ArbiterError } from '../errors.js';
import { workerExecArgv } from '../master/workers/command.js';
import { workerEnvironment } from '../master/workers/environment.js';
import { LIBRARY } from '../options/library.js';
import type { BindOption } from '../options/listening.js';
import type { Script } from '../protocol/script.js';
import { type Asked, silence } from '../worker/entry/listen-calls.js';
import { printError } from './output.js';

/**
 * How long the last output of a script that has ended is waited for, where another process still has its pipes.
 * Milliseconds.
 */
const LAST_OUTPUT = 1_000;

/** What the process is started with: the same as the workers will be. */
export interface ScriptPlace {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly execArgv: readonly string[];
  /** Milliseconds; 0 = no limit. */
  readonly bootTimeout: number;
}

/**
 * Resolves with the address that the script listens at, as the option `bind`. Rejects with `ERR_APP_LOAD`, after it has
 * printed the output of the script.
 */
export async function askScript(script: Script, place: ScriptPlace): Promise<BindOption> {
  const { path, args, port } = script;
  const probe = pathToFileURL(join(LIBRARY, 'cli/probe.js')).href;
  const { execArgv, variables } = workerEnvironment(place, process.env);
  const child = spawn(process.execPath, [...workerExecArgv(execArgv), '--import', probe, path, ...args], {
    cwd: place.cwd,
    env: { ...variables, ...(port !== undefined && { PREFORK_PROBE_PORT: String(port) }) },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    // A process group of its own, so that what the script has started is killed with it.
    detached: true,
  });
  const forget = onExit(() => kill(child));
  const limit = place.bootTimeout;
  let late = false;
  const timer =
    limit > 0
      ? setTimeout(() => {
          late = true;
          kill(child);
        }, limit)
      : undefined;
  const output = [child.stdout, child.stderr].map(collect);
  const closed = once(child, 'close').catch(() => undefined);
  try {
    const [answer, [code, signal]] = await Promise.all([
      text(child.stdio[3] as Readable).finally(() => kill(child)),
      once(child, 'exit'),
    ]);
    if (answer !== '') return bindOf(JSON.parse(answer) as Asked, place.cwd);
    await Promise.race([closed, delay(LAST_OUTPUT, undefined, { ref: false })]);
    printError(output.map((chunks) => Buffer.concat(chunks).toString()).join(''));
    const how = signal === null || signal === 'SIGKILL' ? `exit code ${code}` : `signal ${signal}`;
    throw new ArbiterError(
      'ERR_APP_LOAD',
      late
        ? silence(path, port, limit)
        : `the script '${path}' ended (${how}) and had not called listen() of an HTTP server${exportsHint(path, place.cwd)}`,
    );
  } finally {
    clearTimeout(timer);
    forget();
    // What the script has started may hold these pipes, and outlive it.
    for (const stream of [child.stdout, child.stderr]) stream?.destroy();
  }
}

/** Collects the output as it comes, so that the script never waits for room in the pipe. */
function collect(stream: Readable | null): Buffer[] {
  const chunks: Buffer[] = [];
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return chunks;
}

/** A hint for a file that exports a handler: it needs no `run`. */
function exportsHint(path: string, cwd: string): string {
  try {
    const code = readFileSync(createRequire(join(cwd, '/')).resolve(resolve(cwd, path)), 'utf8');
    return EXPORTS.test(code) ? `; if it exports a handler, leave out run: prefork ${path}` : '';
  } catch {
    return '';
  }
}

/**
 * A line that exports something, as an ES module or CommonJS. A line that only looks so matches too, so the hint says
 * "if".
 */
const EXPORTS = /^\s*(?:export\s|(?:module\.)?exports\b)/m;

function kill({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function bindOf({ port = 0, host, path }: Asked, cwd: string): BindOption {
  return path === undefined ? { port, ...(host !== undefined && { host }) } : { path: resolve(cwd, path) };
}

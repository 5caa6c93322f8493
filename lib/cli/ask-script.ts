/* Where a script would listen: it is started once more, and ended when it says so. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { onExit } from 'signal-exit';
import { ArbiterError } from '../errors.js';
import { LIBRARY } from '../options/library.js';
import type { BindOption } from '../options/types.js';
import type { Script } from '../protocol/script.js';
import { withoutServiceVariables } from '../system/systemd.js';
import { type Asked, silence } from '../worker/entry/listen-calls.js';
import { printError } from './output.js';

/** What the process is started with: as the workers will be. */
export interface ScriptPlace {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly execArgv: readonly string[];
  /** Milliseconds; 0 = no limit. */
  readonly bootTimeout: number;
}

/** Resolves with what to bind. Rejects with `ERR_APP_LOAD`, and has printed what the script said. */
export async function askScript(script: Script, place: ScriptPlace): Promise<BindOption> {
  const { path, args, port } = script;
  const probe = pathToFileURL(join(LIBRARY, 'cli/probe.js')).href;
  const child = spawn(process.execPath, [...place.execArgv, '--import', probe, path, ...args], {
    cwd: place.cwd,
    env: {
      ...withoutServiceVariables(process.env),
      ...place.env,
      ...(port !== undefined && { PREFORK_PROBE_PORT: String(port) }),
    },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    // What the script has started by then goes with it.
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
  try {
    const [answer, output, [code, signal]] = await Promise.all([
      text(child.stdio[3] as Readable).finally(() => kill(child)),
      Promise.all([child.stdout, child.stderr].map((stream) => text(stream as Readable))),
      once(child, 'close'),
    ]);
    if (answer !== '') return bindOf(JSON.parse(answer) as Asked, place.cwd);
    printError(output.join(''));
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
  }
}

/** Whoever exports a handler needs no `run`. */
function exportsHint(path: string, cwd: string): string {
  try {
    const code = readFileSync(createRequire(join(cwd, '/')).resolve(resolve(cwd, path)), 'utf8');
    return EXPORTS.test(code) ? `; if it exports a handler, leave out run: prefork ${path}` : '';
  } catch {
    return '';
  }
}

/** A line that exports something, as an ES module or of CommonJS. Also where it only looks so: it is a question. */
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

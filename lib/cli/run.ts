/* `prefork run server.js`: each worker runs a script that calls `listen()` itself; see lib/worker/entry/script.ts. */
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { ArbiterError } from '../errors.js';
import { heritage } from '../master/sockets/heritage.js';
import type { OptionName } from '../options/resolved.js';
import { encodeScript, type Script } from '../protocol/script.js';
import { readActivation } from '../system/systemd.js';
import { askScript } from './ask-script.js';
import { collect, folderOf, type Origin } from './collect.js';
import { type CommandLine, usage } from './command-line.js';
import { serve } from './serve.js';
import { APP } from './settings.js';

/** Resolves with the exit code. */
export async function runScript(line: CommandLine): Promise<number> {
  const { target, rest, own } = line;
  if (target === undefined) throw usage('run: expected the path of a script, got nothing; see prefork --help');
  const script: Script = { path: target, args: rest, port: readPort(own.scriptPort) };
  const collected = await collect(line, process.env);
  const origins = new Map(collected.origins);
  checkScript(target, folderOf(origins));
  origins.set(APP, { value: encodeScript(script), from: 'the command line' });
  if (!own.checkConfig && !origins.has('bind') && !isActivated()) {
    origins.set('bind', { value: await whereItListens(script, origins), from: target });
  }
  return serve(line, { ...collected, origins });
}

/**
 * Whether systemd has passed sockets to this process, or to its predecessor in an upgrade: these are served then. If
 * the variables of systemd name another process, as behind npm or a shell, no sockets were passed.
 */
function isActivated(): boolean {
  return readActivation(process.env, process.pid).sockets.length > 0 || heritage?.holds('systemd') === true;
}

/** Throws unless the script exists. Node's own error is a stack of its loader, and does not say what was expected. */
function checkScript(path: string, folder: string): void {
  const require = createRequire(join(folder, '/'));
  try {
    // As node finds the script of its command line: the extension may be missing, or it may be a folder with an index.
    require.resolve(resolve(folder, path));
  } catch {
    throw new ArbiterError(
      'ERR_APP_LOAD',
      `run: Cannot find module: no script '${path}' in ${folder}${scriptHint(path, folder)}`,
    );
  }
}

/** A hint for a user who has written a command of a shell: `run next start`. */
function scriptHint(name: string, folder: string): string {
  if (/^(?:npm|npx|pnpm|yarn|bun|node)$/.test(name))
    return `; what ${name} would start is wanted, the file that node is given`;
  const path = join('node_modules/.bin', name);
  try {
    // Some packages have a shell script there.
    const script = relative(folder, realpathSync(join(folder, path)));
    return /\.[cm]?js$/.test(script) || !script.includes('.bin/') ? `; the command of that name is ${script}` : '';
  } catch {
    return '';
  }
}

async function whereItListens(script: Script, origins: ReadonlyMap<OptionName, Origin>): Promise<unknown> {
  const of = <T>(name: OptionName, otherwise: T): T => (origins.get(name)?.value as T | undefined) ?? otherwise;
  // The script would have to be started as that user, at a time when nothing has checked the account yet.
  const other = (['user', 'group'] as const).find((name) => origins.has(name));
  if (other !== undefined) throw usage(`run: with the option '${other}', say where to serve, with --bind`);
  return askScript(script, {
    cwd: folderOf(origins),
    env: of('env', {}),
    execArgv: of('execArgv', process.execArgv),
    bootTimeout: of('bootTimeout', 60_000),
  });
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw usage(`flag --script-port: expected a port, 0 to 65535, got '${text}'`);
}

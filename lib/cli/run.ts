/* `prefork run server.js`: a script that listens by itself, in each worker; see lib/worker/entry/script.ts. */
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
 * Whether sockets were passed to this process, or to the one that it succeeds, which are served then. Where the variables stand for another one,
 * as behind npm or a shell, none were.
 */
function isActivated(): boolean {
  return readActivation(process.env, process.pid).sockets.length > 0 || heritage?.holds('systemd') === true;
}

/** Node's own error is a stack of its loader, and says nothing of what is wanted. */
function checkScript(path: string, folder: string): void {
  const require = createRequire(join(folder, '/'));
  try {
    // As node finds the script of its command line: also without its ending, or as the index of a folder.
    require.resolve(resolve(folder, path));
  } catch {
    throw new ArbiterError(
      'ERR_APP_LOAD',
      `run: Cannot find module: no script '${path}' in ${folder}${scriptHint(path, folder)}`,
    );
  }
}

/** Somebody may have written a command of a shell: `run next start`. */
function scriptHint(name: string, folder: string): string {
  if (/^(?:npm|npx|pnpm|yarn|bun|node)$/.test(name))
    return `; what ${name} would start is wanted, the file that node is given`;
  const path = join('node_modules/.bin', name);
  try {
    // Some packages have a script of a shell there.
    const script = relative(folder, realpathSync(join(folder, path)));
    return /\.[cm]?js$/.test(script) || !script.includes('.bin/') ? `; the command of that name is ${script}` : '';
  } catch {
    return '';
  }
}

async function whereItListens(script: Script, origins: ReadonlyMap<OptionName, Origin>): Promise<unknown> {
  const of = <T>(name: OptionName, otherwise: T): T => (origins.get(name)?.value as T | undefined) ?? otherwise;
  // It would have to be asked as that user, before anything else has looked at the account.
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

/* `prefork run server.js`: a script that listens by itself, in each worker; see lib/worker/entry/script.ts. */
import type { OptionName } from '../options/resolved.js';
import { encodeScript, type Script } from '../protocol/script.js';
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
  origins.set(APP, { value: encodeScript(script), from: 'the command line' });
  if (!own.checkConfig && !origins.has('bind') && process.env['LISTEN_FDS'] === undefined) {
    origins.set('bind', { value: await whereItListens(script, origins), from: target });
  }
  return serve(line, { ...collected, origins });
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

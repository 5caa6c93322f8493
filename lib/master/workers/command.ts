import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { ArbiterError } from '../../errors.js';
import { LIBRARY, preludeIn, preludePathIn } from '../../options/library.js';
import type { AppSource } from '../../options/resolved.js';

/** A program and its arguments, as spawn() takes them. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

/** The shell of the system, or undefined in an image that has none. */
export const SHELL: string | undefined = executable('/bin/sh');

/*
 * libuv clears O_NONBLOCK on every descriptor that a child inherits as 0, 1 or 2. The flag belongs to the socket and
 * not to the descriptor, so all workers would block in accept(2). So the worker inherits the socket as 4, and the shell
 * moves it to 0 without touching its flags; `exec` keeps the pid and the pipes.
 */
const MOVE_SOCKET = 'exec "$0" "$@" <&4 4<&-';

/**
 * The command that starts a worker. `library` is the folder of the copy of this library that the worker loads;
 * `nodeOptions` is NODE_OPTIONS in its environment.
 *
 * The prelude comes before every other flag: it guards fd 0, so it must run before any code of the application or its
 * loaders. (Another reason is that ts-node puts its own script in `execArgv`.)
 */
export function workerCommand(
  source: AppSource,
  execArgv: readonly string[],
  host: readonly string[],
  shell: string | undefined,
  { library = LIBRARY, nodeOptions = '' }: { readonly library?: string; readonly nodeOptions?: string } = {},
): Command {
  const isModule = source.form === 'module';
  const script = isModule ? [join(library, 'worker/entry/main.js')] : hostScript(host, execArgv);
  const begin =
    isModule || !learnsByRequire([...execArgv, ...nodeOptions.split(/\s+/)])
      ? ['--import', preludeIn(library)]
      : ['--require', preludePathIn(library)];
  // This is for an inspector in NODE_OPTIONS. An inspector flag in execArgv comes later and has its own port.
  const inspector = nodeOptions.includes('--inspect') ? ['--inspect-port=0'] : [];
  const args = [...begin, ...inspector, ...workerExecArgv(execArgv), ...script];
  if (shell === undefined) return { file: process.execPath, args };
  return { file: shell, args: ['-c', MOVE_SOCKET, process.execPath, ...args] };
}

/**
 * Whether the flags add a hook to the loader of CommonJS, as those of ts-node do, and none to the loader of ES modules.
 * Any `--import` makes Node load the script with the loader of ES modules, which does not know of the hook.
 */
function learnsByRequire(flags: readonly string[]): boolean {
  const has = (pattern: RegExp): boolean => flags.some((flag) => pattern.test(flag));
  return has(/^(?:-r|--require)(?:=|$)/) && !has(/^--(?:import|loader|experimental-loader)(?:=|$)/);
}

/** The host's entry script and its arguments. The workers of an inline app run it again. */
export function hostScript(argv: readonly string[], execArgv: readonly string[] = []): readonly string[] {
  const [, entry, ...args] = argv;
  // With -e, -p, the REPL or standard input, there is no script that could be run again.
  const evaluated = execArgv.some((flag) => SCRIPT_ON_COMMAND_LINE.has(flag) || /^--(?:eval|print)=/.test(flag));
  if (evaluated || entry === undefined || entry === '-' || entry.startsWith('[')) {
    throw new ArbiterError(
      'ERR_NO_ENTRY',
      "an inline 'app' needs an entry script that the workers can run again, and this process has none (node -e, standard input or the REPL?): give 'app' as a module specifier",
    );
  }
  return [entry, ...args];
}

const SCRIPT_ON_COMMAND_LINE = new Set(['-e', '--eval', '-p', '--print', '-pe']);
const NO_FLAG_FOR_A_FILE = /^(?:--(?:eval|print)=|--input-type|--interactive$|-i$)/;
const INSPECT = /^--inspect(?:-brk|-wait)?(?:=(?<address>.*))?$/;

/**
 * The host's Node flags in the form that a worker can take: without a script on the command line, and with an inspector
 * port of its own, chosen by the system. `--inspect-brk` becomes `--inspect`, since a worker that waits for a debugger
 * is never ready.
 */
export function workerExecArgv(execArgv: readonly string[]): string[] {
  const flags: string[] = [];
  for (let index = 0; index < execArgv.length; index++) {
    const flag = execArgv[index] as string;
    if (SCRIPT_ON_COMMAND_LINE.has(flag) || flag === '--input-type') index++;
    else if (flag.startsWith('--inspect-port')) index += flag.includes('=') ? 0 : 1;
    else if (!NO_FLAG_FOR_A_FILE.test(flag)) flags.push(ownInspectorPort(flag));
  }
  return flags;
}

function ownInspectorPort(flag: string): string {
  const found = INSPECT.exec(flag);
  if (!found) return flag;
  const { address = '' } = found.groups ?? {};
  // The address is a port alone, or a host with or without a port: '0.0.0.0' is a host, '[::1]' too.
  return /^\d*$/.test(address) ? '--inspect=0' : `--inspect=${address.replace(/:\d*$/, '')}:0`;
}

function executable(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return undefined;
  }
}

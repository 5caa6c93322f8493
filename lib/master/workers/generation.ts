import { isAbsolute, join, resolve } from 'node:path';
import type { TlsOptions } from 'node:tls';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { libraryAt } from '../../options/library.js';
import type { ResolvedOptions } from '../../options/resolved.js';
import { decodeScript, encodeScript } from '../../protocol/script.js';
import { files } from '../../system/files.js';
import { system } from '../../system/system.js';
import { type Command, SHELL, workerCommand } from './command.js';
import { workerEnvironment } from './environment.js';
import { type TicketKeys, ticketKeysFor, withSessionContext } from './ticket-keys.js';

/**
 * What the workers of one generation are started with. It is settled when the generation begins, with all symbolic
 * links followed. So whatever a deploy does meanwhile, a worker that replaces one of this generation runs the same
 * code, as long as the code is still where it was.
 */
export interface Generation {
  /** From 1. */
  readonly number: number;
  readonly command: Command;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Module form: the specifier. */
  readonly app: string | undefined;
  /** A built-in class or the specifier of a module. */
  readonly workerClass: string | undefined;
  /**
   * The contents of the files, not their paths: a certificate that is just being replaced keeps no worker from serving.
   */
  readonly tls: TlsOptions | undefined;
  /** The same keys as those of the generation before, unless `tls` differs: a certificate, for example. */
  readonly tickets: TicketKeys | undefined;
}

/**
 * Reads everything anew. Throws `ERR_NO_ENTRY`, and `ERR_INVALID_OPTION` for certificates that cannot be read or do not
 * fit, and for files of variables that cannot be read.
 */
export function newGeneration(
  number: number,
  options: ResolvedOptions,
  environment: NodeJS.ProcessEnv = process.env,
): Generation {
  const { source, workerClass, argv, library, tls } = options;
  const { execArgv, variables } = workerEnvironment(options, environment);
  const nodeOptions = variables['NODE_OPTIONS'] ?? '';
  const follow = followsLinks([...execArgv, nodeOptions]);
  const cwd = follow(options.cwd);
  const pin = (specifier: string): string => pinSpecifier(specifier, cwd, follow);
  const [program = '', entry, ...args] = argv;
  const host = entry === undefined ? argv : [program, follow(entry), ...args];
  // Without a socket, there is nothing for the shell to move.
  const shell = options.bind.length === 0 ? undefined : SHELL;
  const secure = tls && withSessionContext(options, system.readTls(tls));
  return {
    number,
    command: workerCommand(source, execArgv, host, shell, { library: libraryAt(library), nodeOptions }),
    cwd,
    env: variables,
    app: source.form === 'module' ? pin(source.specifier) : undefined,
    workerClass: workerClass.name === undefined ? undefined : pin(workerClass.name),
    tls: secure,
    tickets: secure && ticketKeysFor(options, secure),
  };
}

/** Follows the symbolic links of a path. A path that leads nowhere stays as it is, for the worker to complain about. */
type Follow = (path: string) => string;

function followsLinks(flags: readonly string[]): Follow {
  // With such a flag, Node does not follow links, so it would see another path than the one that it was given.
  if (flags.some((flag) => flag.includes('--preserve-symlinks'))) return (path) => path;
  return (path) => {
    try {
      return files.realpathSync(path);
    } catch {
      return path;
    }
  };
}

/**
 * The specifier of a module with all links followed. The specifier of a package stays as it is: the package is looked
 * up from the working directory, in which links have been followed.
 */
function pinSpecifier(specifier: string, cwd: string, follow: Follow): string {
  const script = decodeScript(specifier);
  if (script) return encodeScript({ ...script, path: follow(resolve(cwd, script.path)) });
  const hash = specifier.lastIndexOf('#');
  const [module, name] = hash > 0 ? [specifier.slice(0, hash), specifier.slice(hash)] : [specifier, ''];
  const url = fileUrlOf(module, cwd);
  if (url === undefined) return specifier;
  const path = fileURLToPath(url);
  const real = follow(path);
  // What was given is shorter in messages, and it does not change where there are no links.
  return real === path ? specifier : pathToFileURL(real).href + url.search + name;
}

function fileUrlOf(module: string, cwd: string): URL | undefined {
  if (module.startsWith('.')) return new URL(module, pathToFileURL(join(cwd, '/')));
  if (isAbsolute(module)) return pathToFileURL(module);
  return module.startsWith('file:') ? new URL(module) : undefined;
}

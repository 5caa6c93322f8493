/*
 * How the command `prefork run` tells a worker which script to run: encoded in the field for the application's
 * specifier. Code between the two handles it like any specifier.
 */

/** A script that calls `listen()` itself. */
export interface Script {
  /** Relative to the working directory of the workers, or absolute. */
  readonly path: string;
  readonly args: readonly string[];
  /** The port on which the script's server to be served listens; undefined for the first server. */
  readonly port: number | undefined;
}

const SCHEME = 'prefork:script?';

export function encodeScript({ path, args, port }: Script): string {
  const parts = new URLSearchParams({ path });
  if (port !== undefined) parts.append('port', String(port));
  for (const arg of args) parts.append('arg', arg);
  return SCHEME + parts.toString();
}

/** Returns undefined for the specifier of an application. */
export function decodeScript(specifier: string): Script | undefined {
  if (!specifier.startsWith(SCHEME)) return undefined;
  const parts = new URLSearchParams(specifier.slice(SCHEME.length));
  const port = parts.get('port');
  return { path: parts.get('path') ?? '', args: parts.getAll('arg'), port: port === null ? undefined : Number(port) };
}

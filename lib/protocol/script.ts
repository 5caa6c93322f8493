/*
 * How the command `prefork run` tells a worker which script to run: in the place of the application's specifier, of which nobody else needs to know
 * that it is none.
 */

/** A script that calls `listen()` itself. */
export interface Script {
  /** Relative to the working directory of the workers, or absolute. */
  readonly path: string;
  readonly args: readonly string[];
  /** Which of its servers is to be served; undefined for the first one. */
  readonly port: number | undefined;
}

const SCHEME = 'prefork:script?';

export function encodeScript({ path, args, port }: Script): string {
  const parts = new URLSearchParams({ path });
  if (port !== undefined) parts.append('port', String(port));
  for (const arg of args) parts.append('arg', arg);
  return SCHEME + parts.toString();
}

/** Undefined for the specifier of an application. */
export function decodeScript(specifier: string): Script | undefined {
  if (!specifier.startsWith(SCHEME)) return undefined;
  const parts = new URLSearchParams(specifier.slice(SCHEME.length));
  const port = parts.get('port');
  return { path: parts.get('path') ?? '', args: parts.getAll('arg'), port: port === null ? undefined : Number(port) };
}

import { statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/**
 * The working directory by the name that the user went to it. `process.cwd()` is where the symbolic links in it led to then, and a deploy
 * that turns `current` to another release would never be seen. The shell leaves the name in PWD; systemd does not. Gunicorn: `getcwd`.
 */
export function workingFolder(): string {
  const here = process.cwd();
  const { PWD } = process.env;
  return PWD !== undefined && isAbsolute(PWD) && isSame(PWD, here) ? PWD : here;
}

/**
 * The command line of this process. Node has put the working directory before a relative script, and again that is where its
 * links led to; so a script below it gets the name instead.
 */
export function commandLine(): readonly string[] {
  const [program = '', script, ...args] = process.argv;
  const here = join(process.cwd(), '/');
  if (script === undefined || !script.startsWith(here)) return process.argv;
  return [program, join(workingFolder(), script.slice(here.length)), ...args];
}

/** The host may have gone elsewhere since. */
function isSame(one: string, other: string): boolean {
  try {
    const [a, b] = [statSync(one), statSync(other)];
    return a.dev === b.dev && a.ino === b.ino;
  } catch {
    return false;
  }
}

import { statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/**
 * The working directory, by the name under which the user entered it. `process.cwd()` has the symbolic links resolved,
 * so a deploy that turns the link `current` to another release would never be seen. The shell leaves the name in PWD;
 * systemd does not. Gunicorn: `getcwd`.
 */
export function workingFolder(): string {
  const here = process.cwd();
  const { PWD } = process.env;
  return PWD !== undefined && isAbsolute(PWD) && isSame(PWD, here) ? PWD : here;
}

/**
 * The command line of this process. Node has resolved a relative script against the working directory with its links
 * followed. So the path of a script below it is given with {@link workingFolder} instead.
 */
export function commandLine(): readonly string[] {
  const [program = '', script, ...args] = process.argv;
  const here = join(process.cwd(), '/');
  if (script === undefined || !script.startsWith(here)) return process.argv;
  return [program, join(workingFolder(), script.slice(here.length)), ...args];
}

/** Whether both paths are the same folder. PWD may be out of date: the host may have changed its directory since. */
function isSame(one: string, other: string): boolean {
  try {
    const [a, b] = [statSync(one), statSync(other)];
    return a.dev === b.dev && a.ino === b.ino;
  } catch {
    return false;
  }
}

import { statSync } from 'node:fs';
import { isAbsolute } from 'node:path';

/**
 * The working directory by the name that the user went to it. `process.cwd()` is where the symbolic links in it led to then, and a deploy
 * that turns `current` to another release would never be seen. The shell, and systemd, leave the name in PWD. Gunicorn: `getcwd`.
 */
export function workingFolder(): string {
  const here = process.cwd();
  const { PWD } = process.env;
  return PWD !== undefined && isAbsolute(PWD) && isSame(PWD, here) ? PWD : here;
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

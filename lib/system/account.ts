import { ArbiterError } from '../errors.js';
import { system } from './system.js';

export interface Account {
  readonly user?: string | number;
  readonly group?: string | number;
}

/**
 * The account that workers change to, seen from the master: refused where it cannot work, and a user
 * without a group gets the user's own group, as a login would give it (Gunicorn leaves such a worker in
 * the group of root).
 */
export function resolveAccount(user: string | number | undefined, group: string | number | undefined): Account {
  if (user === undefined && group === undefined) return {};
  if (process.getuid?.() !== 0) {
    const option = user === undefined ? 'group' : 'user';
    throw new ArbiterError(
      'ERR_INVALID_OPTION',
      `option '${option}': only root can change it, and this process runs as user ${process.getuid?.()}`,
    );
  }
  if (user === undefined) return { group: group as string | number };
  return { user, group: group ?? primaryGroup(user) };
}

// Node has no getpwnam; id(1) asks the same directories (files, LDAP, …) as the system does.
function primaryGroup(user: string | number): number {
  try {
    return Number(
      system.execFileSync('id', ['-g', '--', String(user)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
    );
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    const why = stderr?.trim() || (error as Error).message;
    throw new ArbiterError(
      'ERR_INVALID_OPTION',
      `option 'user': the group of ${user} is not known: ${why}; name the option 'group' too`,
      { cause: error },
    );
  }
}

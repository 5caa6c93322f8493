import { ArbiterError } from '../errors.js';
import { files } from './files.js';
import { system } from './system.js';

export interface Account {
  readonly user?: string | number;
  readonly group?: string | number;
}

/**
 * The account that workers change to, as the master sees it. An account that cannot work is refused. A user without a
 * group gets the user's own group, as a login would give it (Gunicorn leaves such a worker in the group of root).
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
  const named = group === undefined ? undefined : numberOf('group', group, 'group');
  if (user === undefined) return { group: named as number };
  // The user must be known even if a group is given. The user stays a name, since its supplementary groups are looked
  // up by that.
  numberOf('user', user, 'user');
  return { user, group: named ?? primaryGroup(user) };
}

// Node has no getpwnam; id(1) asks the same directories (files, LDAP, …) as the system does.
function primaryGroup(user: string | number): number {
  try {
    return toNumber(run('id', '-g', '--', String(user)));
  } catch (error) {
    throw new ArbiterError(
      'ERR_INVALID_OPTION',
      `option 'user': the group of ${user} is not known${reason(error)}; name the option 'group' too`,
      { cause: error },
    );
  }
}

export type AccountKind = 'user' | 'group';

/**
 * The file in which the system lists them, and the program that also asks the system's other directories (LDAP …): Node
 * has no getpwnam.
 */
const LISTS: Readonly<Record<AccountKind, { file: string; ask: (name: string) => string }>> = {
  user: { file: '/etc/passwd', ask: (name) => run('id', '-u', '--', name) },
  group: { file: '/etc/group', ask: (name) => run('getent', 'group', name).split(':')[2] ?? '' },
};

/**
 * The number of a user or a group. Throws `ERR_INVALID_OPTION`, naming `option`, for a name that the system does not
 * know.
 */
export function numberOf(kind: AccountKind, who: string | number, option: string): number {
  if (typeof who === 'number') return who;
  const { file, ask } = LISTS[kind];
  // The file comes first, since an image may have nothing else.
  const listed = numberIn(file, who);
  if (listed !== undefined) return listed;
  try {
    return toNumber(ask(who));
  } catch (error) {
    const message = `option '${option}': the ${kind} ${who} is not known${reason(error)}`;
    throw new ArbiterError('ERR_INVALID_OPTION', message, { cause: error });
  }
}

/** passwd(5) and group(5): the name is the first field of a line, the number the third. */
function numberIn(file: string, name: string): number | undefined {
  try {
    const line = files
      .readFileSync(file, 'utf8')
      .split('\n')
      .find((line) => line.startsWith(`${name}:`));
    return line === undefined ? undefined : toNumber(line.split(':')[2] ?? '');
  } catch {
    return undefined;
  }
}

/** What the program said, which may be nothing; if it did not run to its end, why not. */
function reason(error: unknown): string {
  const { stderr, status, message } = error as Error & { readonly stderr?: string; readonly status?: number | null };
  const why = stderr?.trim() || (typeof status === 'number' ? '' : message);
  return why && `: ${why}`;
}

function toNumber(text: string): number {
  if (!/^\d+\s*$/.test(text)) throw new Error(`expected a number, got '${text.trim()}'`);
  return Number(text);
}

function run(program: string, ...args: readonly string[]): string {
  return system.execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

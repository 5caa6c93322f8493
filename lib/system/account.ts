import { ArbiterError } from '../errors.js';
import { files } from './files.js';
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
  const named = group === undefined ? undefined : numberOf('group', group, 'group');
  if (user === undefined) return { group: named as number };
  // A name must be known, whatever its group. The user stays a name: that is what its further groups are looked for by.
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

/** Where the system lists them, and the program that asks its other directories too (LDAP …): Node has no getpwnam. */
const LISTS: Readonly<Record<AccountKind, { file: string; ask: (name: string) => string }>> = {
  user: { file: '/etc/passwd', ask: (name) => run('id', '-u', '--', name) },
  group: { file: '/etc/group', ask: (name) => run('getent', 'group', name).split(':')[2] ?? '' },
};

/** What the system counts a user or a group as. Throws `ERR_INVALID_OPTION`, with that option, for a name that it does not know. */
export function numberOf(kind: AccountKind, who: string | number, option: string): number {
  if (typeof who === 'number') return who;
  const { file, ask } = LISTS[kind];
  // First, since an image may have nothing but the file.
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

/** What the program says, which may be nothing; else why there is no answer of it. */
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

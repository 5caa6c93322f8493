import { ArbiterError } from '../errors.js';
import type { BindAddress, FileOwner } from '../options/resolved.js';
import type { Account } from './account.js';
import { files } from './files.js';
import { system } from './system.js';

/**
 * The addresses, with numbers for the owners of their files: those that are named, else the account of the workers. Throws
 * `ERR_INVALID_OPTION` for a name that the system does not know.
 */
export function withOwners(addresses: readonly BindAddress[], account: Account): readonly BindAddress[] {
  return addresses.map((address, index) => {
    if (address.kind !== 'unix') return address;
    const option = addresses.length === 1 ? 'bind' : `bind[${index}]`;
    // What is named by the address is looked for by that name; the account has been found already.
    const number = (kind: Kind): number | undefined => {
      const named = address[kind];
      const who = named ?? account[kind];
      return who === undefined ? undefined : numberOf(kind, who, named === undefined ? kind : `${option}.${kind}`);
    };
    return { ...address, owner: { user: number('user'), group: number('group') } };
  });
}

/**
 * Gives a file away. Not what a link leads to: in a folder that others may write to, somebody may have put one there instead. Throws the
 * system's error where only root, or a member of the group, may do so.
 */
export function give(path: string, owner: FileOwner): void {
  const found = files.lstatSync(path);
  const { user = found.uid, group = found.gid } = owner;
  if (user === found.uid && group === found.gid) return;
  try {
    files.lchownSync(path, user, group);
  } catch (error) {
    // Without a code, which would be taken for a bind that was refused.
    const why = (error as Error).message;
    throw new Error(`its file cannot be given to the user ${user} and the group ${group}: ${why}`, { cause: error });
  }
}

/** An account as the system counts it. */
export function ownerOf({ user, group }: Account): FileOwner {
  return {
    user: user === undefined ? undefined : numberOf('user', user, 'user'),
    group: group === undefined ? undefined : numberOf('group', group, 'group'),
  };
}

type Kind = 'user' | 'group';

/** Where the system lists them, and the program that asks its other directories too (LDAP …): Node has no getpwnam. */
const LISTS: Readonly<Record<Kind, { file: string; ask: (name: string) => string }>> = {
  user: { file: '/etc/passwd', ask: (name) => run('id', '-u', '--', name) },
  group: { file: '/etc/group', ask: (name) => run('getent', 'group', name).split(':')[2] ?? '' },
};

function numberOf(kind: Kind, who: string | number, option: string): number {
  if (typeof who === 'number') return who;
  const { file, ask } = LISTS[kind];
  // First, since an image may have nothing but the file.
  const listed = numberIn(file, who);
  if (listed !== undefined) return listed;
  try {
    return toNumber(ask(who));
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    const why = stderr?.trim() || (error as Error).message;
    throw new ArbiterError('ERR_INVALID_OPTION', `option '${option}': the ${kind} ${who} is not known: ${why}`, {
      cause: error,
    });
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

function toNumber(text: string): number {
  if (!/^\d+\s*$/.test(text)) throw new Error(`expected a number, got '${text.trim()}'`);
  return Number(text);
}

function run(program: string, ...args: readonly string[]): string {
  return system.execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

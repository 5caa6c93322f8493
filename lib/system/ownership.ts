import type { BindAddress, FileOwner } from '../options/resolved.js';
import { type Account, type AccountKind, numberOf } from './account.js';
import { files } from './files.js';

/**
 * The addresses, with numbers for the owners of their files: those that the address names, or else the account of the
 * workers. Throws `ERR_INVALID_OPTION` for a name that the system does not know.
 */
export function withOwners(addresses: readonly BindAddress[], account: Account): readonly BindAddress[] {
  return addresses.map((address, index) => {
    if (address.kind !== 'unix') return address;
    const option = addresses.length === 1 ? 'bind' : `bind[${index}]`;
    // An error for an owner that the address names is to say so. The account has been found to be valid already.
    const number = (kind: AccountKind): number | undefined => {
      const named = address[kind];
      const who = named ?? account[kind];
      return who === undefined ? undefined : numberOf(kind, who, named === undefined ? kind : `${option}.${kind}`);
    };
    return { ...address, owner: { user: number('user'), group: number('group') } };
  });
}

/**
 * Gives a file to an owner, but not what a link leads to: in a folder that others may write to, somebody may have put a
 * link there instead. Only root, or for a group one of its members, may do so; otherwise it throws an error whose
 * `cause` is the system's.
 */
export function give(path: string, owner: FileOwner): void {
  const found = files.lstatSync(path);
  const { user = found.uid, group = found.gid } = owner;
  if (user === found.uid && group === found.gid) return;
  try {
    files.lchownSync(path, user, group);
  } catch (error) {
    // The error has no code: a code would be taken for a bind that was refused.
    const why = (error as Error).message;
    throw new Error(`its file cannot be given to the user ${user} and the group ${group}: ${why}`, { cause: error });
  }
}

/** An account as numbers. */
export function ownerOf({ user, group }: Account): FileOwner {
  return {
    user: user === undefined ? undefined : numberOf('user', user, 'user'),
    group: group === undefined ? undefined : numberOf('group', group, 'group'),
  };
}

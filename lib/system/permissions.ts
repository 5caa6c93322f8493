import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ArbiterError } from '../errors.js';
import type { ResolvedOptions } from '../options/resolved.js';

/** `process.permission`, which there is with Node's permission model (`--permission`). */
interface Permission {
  has(scope: string, reference?: string): boolean;
}

type Needs = Pick<ResolvedOptions, 'bind' | 'pidFile' | 'clocks' | 'workerClass'> &
  Partial<Pick<ResolvedOptions, 'control'>>;

/** The folders that the scoreboard and the reports of fatal errors may be in. They are tried in this order. */
const FOLDERS: readonly string[] = ['/dev/shm', tmpdir()];
/** From this major version on, Node's permission model covers the network. */
const ASKS_FOR_NETWORK = 25;

/**
 * Throws `ERR_PERMISSION` where Node's permission model refuses what a master does. The error names all flags that are
 * missing: otherwise the master would fail at one after the other, here or in the workers, which have the same flags.
 * What only the application needs is the application's matter.
 */
export function checkPermissions(options: Needs, permission: Permission | undefined = ofThisProcess()): void {
  if (permission === undefined) return;
  const missing = missingFlags(options, permission);
  if (missing.length === 0) return;
  throw new ArbiterError(
    'ERR_PERMISSION',
    `Node's permission model (--permission) refuses what a master needs; start it with ${missing.join(' ')} too`,
  );
}

function missingFlags({ bind, pidFile, control, clocks, workerClass }: Needs, permission: Permission): string[] {
  const version = Number(process.versions.node.split('.')[0]);
  const flags: string[] = [];
  const need = (flag: string, scope: string, reference?: string): void => {
    if (!permission.has(scope, reference)) flags.push(flag);
  };
  const needFolder = (folder: string): void => {
    need(`--allow-fs-read=${folder}`, 'fs.read', join(folder, 'prefork'));
    need(`--allow-fs-write=${folder}`, 'fs.write', join(folder, 'prefork'));
  };
  need('--allow-child-process', 'child');
  // Watchdogs need this, and the threads of a threaded worker. What a user's own class needs, only the workers know.
  if (clocks.watchdog || workerClass.threads > 0) need('--allow-worker', 'worker');
  if (version >= ASKS_FOR_NETWORK && bind.length > 0) need('--allow-net', 'net');
  const usable = FOLDERS.find((folder) =>
    ['fs.read', 'fs.write'].every((scope) => permission.has(scope, join(folder, 'prefork'))),
  );
  if (usable === undefined) needFolder(FOLDERS[0] as string);
  const files = [...bind, ...(control ? [control] : [])].flatMap((address) =>
    address.kind === 'unix' ? [address.path] : [],
  );
  for (const path of pidFile === undefined ? files : [...files, pidFile]) needFolder(dirname(path));
  return [...new Set(flags)];
}

function ofThisProcess(): Permission | undefined {
  return (process as { readonly permission?: Permission }).permission;
}

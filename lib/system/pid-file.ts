import { constants } from 'node:fs';
import { ArbiterError } from '../errors.js';
import { files } from './files.js';
import { processes } from './processes.js';

/** The file that tells others the pid of this process. */
export interface PidFile {
  readonly path: string;
  /** Removes the file, if it still names this process. Throws `ERR_PIDFILE` where it cannot be removed. */
  remove(): void;
  /** Renames the file, and replaces what is there, in one step. Throws `ERR_PIDFILE`. */
  moveTo(path: string): void;
}

/** Longer than any pid with white space around it. */
const MAX_LENGTH = 32;
/** How often to try. An attempt fails because another process was faster; after so many, one of those lives. */
const ATTEMPTS = 5;
/** The file is not there, or its folder is not a folder any more. */
const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR']);
/** File systems without hard links: FAT, some of FUSE and of shared folders. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/**
 * The paths that this process has claimed. Its own pid in a file is no sign of another process, but may be of another
 * Arbiter.
 */
const claimed = new Set<string>();

/**
 * Writes the pid of this process to a file, mode 644. The file is replaced if it names an ended process, this one, or
 * none at all. If it names a living process, the claim is refused with `ERR_PIDFILE`, as it is for any error of the
 * system.
 */
export function claimPidFile(path: string): PidFile {
  if (claimed.has(path)) throw refused(path, 'another Arbiter of this process has it');
  // node:crypto is loaded only when it is needed.
  const draft = `${path}.${process.getBuiltinModule('node:crypto').randomBytes(6).toString('hex')}`;
  try {
    writeDraft(draft);
    publish(draft, path);
  } catch (error) {
    throw error instanceof ArbiterError ? error : refused(path, (error as Error).message, error);
  } finally {
    removeDraft(draft);
  }
  claimed.add(path);
  return pidFile(path);
}

function pidFile(first: string): PidFile {
  let path = first;
  return {
    get path() {
      return path;
    },
    remove() {
      if (!claimed.delete(path)) return;
      try {
        if (readPid(path) === process.pid) files.unlinkSync(path);
      } catch (error) {
        // What is not a file, or is not there any more, is not ours.
        if (error instanceof ArbiterError || ABSENT.has((error as NodeJS.ErrnoException).code ?? '')) return;
        const message = `cannot remove the pid file ${path}: ${(error as Error).message}`;
        throw new ArbiterError('ERR_PIDFILE', message, { cause: error });
      }
    },
    moveTo(to) {
      try {
        files.renameSync(path, to);
      } catch (error) {
        throw refused(to, (error as Error).message, error);
      }
      claimed.delete(path);
      claimed.add(to);
      path = to;
    },
  };
}

/** A draft that stays misleads nobody, so it is no reason to fail. */
function removeDraft(path: string): void {
  try {
    files.rmSync(path, { force: true });
  } catch {
    // It stays.
  }
}

/** Writes the file completely, before anybody can see it under its own name. */
function writeDraft(draft: string): void {
  const fd = files.openSync(draft, 'wx', 0o644);
  try {
    // The mode is set whatever the umask is, since monitors run as other users. It is set by name, which Node's
    // permission model allows.
    files.chmodSync(draft, 0o644);
    files.writeSync(fd, `${process.pid}\n`);
  } finally {
    files.closeSync(fd);
  }
}

/**
 * Gives the draft its name in one step: there is never a file without a pid, and never no file in the place of a stale
 * one.
 */
function publish(draft: string, path: string): void {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const stale = examine(path, path);
    if (stale === undefined ? create(draft, path) : replace(draft, path, stale)) return;
  }
  throw refused(path, 'other processes keep writing it');
}

/** Returns false where there is a file by now: a link, unlike a rename, replaces nothing. */
function create(draft: string, path: string): boolean {
  try {
    files.linkSync(draft, path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (!NO_LINKS.has(code)) throw error;
    files.renameSync(draft, path);
  }
  return true;
}

/**
 * Returns false where the path is another file by now. Of several processes that start at the same time and see the
 * same stale file, one may replace it: the one that could give that file a second name, made of its inode number.
 */
function replace(draft: string, path: string, stale: bigint): boolean {
  const lock = `${path}.${stale}.stale`;
  try {
    files.linkSync(path, lock);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return false;
    if (code === 'EEXIST') throw refused(path, `another process is about to replace it; if none is, remove ${path}`);
    if (!NO_LINKS.has(code)) throw error;
    files.renameSync(draft, path);
    return true;
  }
  try {
    if (examine(lock, path) !== stale) return false;
    files.renameSync(draft, path);
    return true;
  } finally {
    removeDraft(lock);
  }
}

/** The inode number of a stale file; undefined where there is no file. Throws for a file that is in use. */
function examine(file: string, path: string): bigint | undefined {
  const inode = files.lstatSync(file, { bigint: true, throwIfNoEntry: false })?.ino;
  const pid = inode === undefined ? undefined : readPid(file);
  if (pid === undefined || pid === process.pid || !isAlive(pid)) return inode;
  throw refused(path, `the process ${pid} that it names is alive; if that is another program, remove the file`);
}

/** The pid that a file names. Undefined where there is no file, and for one that names no pid. */
function readPid(path: string): number | undefined {
  // A pipe is refused, since a read of it would wait for ever, and so is a device, which a rename would replace.
  const found = files.statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  if (!found.isFile()) throw refused(path, 'it is not a regular file');
  const [, digits] = /^\s*([1-9]\d{0,9})\s*$/.exec(headOf(path)) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

function headOf(path: string): string {
  const head = Buffer.alloc(MAX_LENGTH);
  let fd: number;
  try {
    fd = files.openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    // The process that had the file has just stopped.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
  try {
    return head.toString('latin1', 0, files.readSync(fd, head, 0, MAX_LENGTH, 0));
  } finally {
    files.closeSync(fd);
  }
}

/**
 * Whether a process is alive. A zombie is not: it has ended, but nobody has reaped it, as in a container whose first
 * process does not care.
 */
function isAlive(pid: number): boolean {
  try {
    processes.probe(pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  try {
    // The state comes after the name, which may hold anything.
    const stat = files.readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return true;
  }
}

function refused(path: string, why: string, cause?: unknown): ArbiterError {
  return new ArbiterError('ERR_PIDFILE', `cannot write the pid file ${path}: ${why}`, cause ? { cause } : undefined);
}

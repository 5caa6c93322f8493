import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  linkSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { ArbiterError } from '../errors.js';

/** The file that tells others the pid of this process. */
export interface PidFile {
  readonly path: string;
  /** Removes it, if it still says this process. Never throws: it is used while a process ends. */
  remove(): void;
  /** Renames it, and replaces what is there, in one step. Throws `ERR_PIDFILE`. */
  moveTo(path: string): void;
}

/** Longer than any pid with white space around it. */
const MAX_LENGTH = 32;
/** Each time somebody else was faster: one of them lives by now. */
const ATTEMPTS = 5;
/** File systems without hard links: FAT, some of FUSE and of shared folders. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/** The paths of this process: its own pid in a file is no sign of another one, but may be of another Arbiter. */
const claimed = new Set<string>();

/**
 * Writes the pid of this process to a file, mode 644. A file that says a process that is gone, this one, or nothing at
 * all is replaced; one that says a living process is refused with `ERR_PIDFILE`, as is whatever the system says.
 */
export function claimPidFile(path: string): PidFile {
  if (claimed.has(path)) throw refused(path, 'another Arbiter of this process has it');
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    writeDraft(draft);
    publish(draft, path);
  } catch (error) {
    throw error instanceof ArbiterError ? error : refused(path, (error as Error).message, error);
  } finally {
    rmSync(draft, { force: true });
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
        if (readPid(path) === process.pid) unlinkSync(path);
      } catch {
        // It is gone, or its folder is no longer ours to write to.
      }
    },
    moveTo(to) {
      try {
        renameSync(path, to);
      } catch (error) {
        throw refused(to, (error as Error).message, error);
      }
      claimed.delete(path);
      claimed.add(to);
      path = to;
    },
  };
}

/** Complete before anybody can see it under its name. */
function writeDraft(draft: string): void {
  const fd = openSync(draft, 'wx', 0o644);
  try {
    // Whatever the umask says: monitors run as somebody else.
    fchmodSync(fd, 0o644);
    writeSync(fd, `${process.pid}\n`);
  } finally {
    closeSync(fd);
  }
}

/**
 * Gives the draft its name. A stale file is taken away before it is judged for good: of two that start at the same time,
 * both of which see it, the slower finds that it has taken away the other's, and puts it back.
 */
function publish(draft: string, path: string): void {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    refuseIfTaken(path, path);
    if (giveName(draft, path)) return;
    takeAway(path, `${draft}.old`);
  }
  throw refused(path, 'other processes keep writing it');
}

/** A link, unlike a rename, fails where there is a file: then false. */
function giveName(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (!NO_LINKS.has(code)) throw error;
    renameSync(draft, path);
  }
  return true;
}

function takeAway(path: string, aside: string): void {
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    refuseIfTaken(aside, path);
  } catch (error) {
    linkSync(aside, path);
    throw error;
  } finally {
    unlinkSync(aside);
  }
}

function refuseIfTaken(file: string, path: string): void {
  const pid = readPid(file);
  if (pid === undefined || pid === process.pid || !isAlive(pid)) return;
  throw refused(path, `the process ${pid} that it names is alive; if that is another program, remove the file`);
}

/** Undefined for no file, and for one that says no pid. */
function readPid(path: string): number | undefined {
  // Neither a pipe, of which a read would wait for ever, nor a device, which a rename would replace.
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  if (!found.isFile()) throw refused(path, 'it is not a regular file');
  const text = Buffer.alloc(MAX_LENGTH);
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const length = readSync(fd, text, 0, MAX_LENGTH, 0);
    const [, digits] = /^\s*([1-9]\d{0,9})\s*$/.exec(text.toString('latin1', 0, length)) ?? [];
    return digits === undefined ? undefined : Number(digits);
  } finally {
    closeSync(fd);
  }
}

/** One that has ended and that nobody has reaped, as in a container whose first process does not care, is not. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  try {
    // The state comes after the name, which may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return true;
  }
}

function refused(path: string, why: string, cause?: unknown): ArbiterError {
  return new ArbiterError('ERR_PIDFILE', `cannot write the pid file ${path}: ${why}`, cause ? { cause } : undefined);
}

/*
 * The master's part in the access log. It opens the file before the workers become another user's, and opens it anew
 * when it has been moved away. Or, if the log goes to a stream of the host, it passes on to that what comes from the
 * workers. It writes no lines itself.
 */
import { constants } from 'node:fs';
import { resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { ArbiterError } from '../../errors.js';
import type { ResolvedOptions } from '../../options/resolved.js';
import type { AccessSpec } from '../../protocol/spec.js';
import type { Account } from '../../system/account.js';
import { closeQuietly, files } from '../../system/files.js';
import { ownerOf } from '../../system/ownership.js';
import { asTrouble } from '../common/trouble.js';
import { Collector } from './collector.js';

const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NONBLOCK, O_NOCTTY } = constants;
const STDOUT = 1;

/** What workers get of the access log. */
export interface AccessLog {
  /**
   * The descriptor that workers inherit, or `'pipe'` if each gets a pipe; undefined for standard output, which they
   * have already.
   */
  readonly source: number | 'pipe' | undefined;
  /** What a worker is told of the log, which is at this descriptor in the worker. */
  spec(fd: number): AccessSpec;
  /** Reads the other end of a worker's pipe. Returns a function to call when the worker has ended. */
  collect(pipe: Readable | Writable | null | undefined): () => void;
  /** The file has been moved away: workers that are started from now on get a new one. */
  reopen(): void;
  /**
   * To be called when all workers have ended. Resolves when everything that they have written is where it belongs, or
   * nobody takes it.
   */
  close(): Promise<void>;
}

/** Undefined where there is no access log. Throws `ERR_ACCESS_LOG`. */
export function openAccessLog(
  { accessLog: target, accessLogFormat, cwd }: Pick<ResolvedOptions, 'accessLog' | 'accessLogFormat' | 'cwd'>,
  account: Account,
  onError: (error: ArbiterError) => void,
): AccessLog | undefined {
  if (target === false) return undefined;
  const { format = accessLogFormat } = target;
  if (target.to === 'stdout') {
    return {
      source: undefined,
      spec: () => ({ fd: STDOUT, format }),
      collect: () => nothing,
      reopen: nothing,
      close: async () => undefined,
    };
  }
  if (target.to === 'stream') {
    const collector = new Collector(
      target.stream,
      (error) => onError(asTrouble('the stream of the access log failed', error)),
      (lines) => onError(new ArbiterError('ERR_SYSTEM', lostText(lines))),
    );
    return {
      source: 'pipe',
      spec: (fd) => ({ fd, format }),
      collect: (pipe) => (pipe ? collector.add(pipe as Readable) : nothing),
      reopen: () => undefined,
      close: () => collector.close(),
    };
  }
  const path = resolve(cwd, target.path);
  let fd: number;
  try {
    fd = open(path, account);
  } catch (cause) {
    const message = `the file of the access log cannot be opened: ${(cause as Error).message}`;
    throw new ArbiterError('ERR_ACCESS_LOG', message, { cause });
  }
  return {
    get source() {
      return fd;
    },
    spec: (inherited) => ({ fd: inherited, path, format }),
    collect: () => nothing,
    reopen() {
      try {
        const before = fd;
        fd = open(path, account);
        closeQuietly(before);
      } catch (error) {
        onError(
          asTrouble(
            'the file of the access log could not be opened anew, so its lines still go to the one of before',
            error,
          ),
        );
      }
    },
    close: async () => closeQuietly(fd),
  };
}

function nothing(): void {}

function lostText(lines: number): string {
  const which = lines === 1 ? ['a line', 'is'] : [`${lines} lines`, 'are'];
  return `${which[0]} of workers that have ended ${which[1]} lost: the stream of the access log takes nothing`;
}

/**
 * Opens the file. A new file is given to the workers' account, since the workers are to open it anew by themselves, as
 * with nginx. An existing file keeps its owner, since it may be anything that a link leads to.
 */
function open(path: string, account: Account): number {
  // O_NONBLOCK: if it is a named pipe, do not wait for a reader.
  const flags = O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY;
  let fd: number;
  try {
    fd = files.openSync(path, flags | O_CREAT | O_EXCL, 0o666);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return files.openSync(path, flags);
  }
  try {
    const made = files.fstatSync(fd);
    const { user = made.uid, group = made.gid } = ownerOf(account);
    if (user !== made.uid || group !== made.gid) files.fchownSync(fd, user, group);
    return fd;
  } catch (error) {
    closeQuietly(fd);
    throw error;
  }
}

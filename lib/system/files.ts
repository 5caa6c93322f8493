import fs from 'node:fs';

/**
 * What this library asks of the file system while it supervises. This is the part of the record `system` that threads
 * may load too, since this file imports nothing else.
 */
export interface Files {
  openSync: typeof fs.openSync;
  closeSync: typeof fs.closeSync;
  readSync: typeof fs.readSync;
  writeSync: typeof fs.writeSync;
  readFileSync: typeof fs.readFileSync;
  readdirSync: (path: string) => string[];
  realpathSync: (path: string) => string;
  statSync: typeof fs.statSync;
  lstatSync: typeof fs.lstatSync;
  fstatSync: typeof fs.fstatSync;
  chmodSync: typeof fs.chmodSync;
  fchmodSync: typeof fs.fchmodSync;
  lchownSync: typeof fs.lchownSync;
  fchownSync: typeof fs.fchownSync;
  linkSync: typeof fs.linkSync;
  renameSync: typeof fs.renameSync;
  rmSync: typeof fs.rmSync;
  unlinkSync: typeof fs.unlinkSync;
}

/*
 * Everywhere in this library, stat(2) of what may be a socket or a pipe is called with `{ bigint: true }`. Node 20 and
 * 22 resolve links (`realpathSync`, imports) with a look at what the last `stat` in numbers has found. They stop at the
 * first link behind a `stat` that has found a socket. An import then finds a second copy of a package that pnpm has
 * linked. https://github.com/nodejs/node/issues/51142
 */

/** A test replaces one of these with something that fails. */
export const files: Files = {
  openSync: fs.openSync,
  closeSync: fs.closeSync,
  readSync: fs.readSync,
  writeSync: fs.writeSync,
  readFileSync: fs.readFileSync,
  readdirSync: (path) => fs.readdirSync(path),
  realpathSync: fs.realpathSync,
  statSync: fs.statSync,
  lstatSync: fs.lstatSync,
  fstatSync: fs.fstatSync,
  chmodSync: fs.chmodSync,
  fchmodSync: fs.fchmodSync,
  lchownSync: fs.lchownSync,
  fchownSync: fs.fchownSync,
  linkSync: fs.linkSync,
  renameSync: fs.renameSync,
  rmSync: fs.rmSync,
  unlinkSync: fs.unlinkSync,
};

/**
 * Closes a descriptor and ignores errors. If it was only read, nothing is lost when close(2) fails; and the number is
 * free in any case.
 */
export function closeQuietly(fd: number): void {
  try {
    files.closeSync(fd);
  } catch {
    // Nobody would do anything about it.
  }
}

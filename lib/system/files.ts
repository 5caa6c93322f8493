import fs from 'node:fs';

/**
 * What this library asks of the file system while it supervises: the part of the one record `system` that threads may have too, for this
 * file imports nothing else.
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
 * What may be a socket or a pipe is looked at with `{ bigint: true }`, everywhere in this library: Node 20 and 22 resolve links (`realpathSync`, imports) with a look at what the
 * last `stat` in numbers has found, and stop at the first link behind one that has found a socket. An import then finds a second copy of a package that pnpm has linked. https://github.com/nodejs/node/issues/51142
 */

/** A test puts something that fails in the place of one of these. */
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

/** Of what was only read, nothing is lost when close(2) fails; and the number is free in any case. */
export function closeQuietly(fd: number): void {
  try {
    files.closeSync(fd);
  } catch {
    // Nobody would do anything about it.
  }
}

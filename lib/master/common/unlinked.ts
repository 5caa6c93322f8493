import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeQuietly, files } from '../../system/files.js';

/**
 * Opens a file that has no name any more, so that nothing can be left behind, in the first folder that has room for it.
 * If none has, throws what each of them said, with the code of the last.
 *
 * @param size - this many bytes of zeros are written to it. A hole would have no place on the disk, or in memory, yet,
 * and a later write into it might fail.
 */
export function openUnlinked(size = 0): number {
  const name = `prefork-${process.pid}-${process.hrtime.bigint().toString(36)}`;
  let cause: NodeJS.ErrnoException | undefined;
  const refusals: string[] = [];
  // The first folder is in memory, where the system has it: a write there never waits for a disk.
  for (const folder of ['/dev/shm', tmpdir()]) {
    const path = join(folder, name);
    let fd: number | undefined;
    try {
      fd = files.openSync(path, 'wx+', 0o600);
      files.unlinkSync(path);
      reserve(fd, 0, size);
      return fd;
    } catch (error) {
      cause = error as NodeJS.ErrnoException;
      refusals.push(`${folder}: ${cause.message}`);
      if (fd !== undefined) discard(fd, path);
    }
  }
  throw Object.assign(new Error(refusals.join('; '), { cause }), { code: cause?.code });
}

const PIECE = 64 * 1024;

/** Writes zeros from one position of a file to another. Throws where there is no room for them. */
export function reserve(fd: number, from: number, to: number): void {
  const zeros = Buffer.alloc(Math.min(PIECE, Math.max(0, to - from)));
  for (let position = from; position < to; ) {
    const written = files.writeSync(fd, zeros, 0, Math.min(zeros.length, to - position), position);
    // A full disk takes what it can, and fails at the next write.
    if (written === 0) throw Object.assign(new Error('ENOSPC: no space left, write'), { code: 'ENOSPC' });
    position += written;
  }
}

function discard(fd: number, path: string): void {
  closeQuietly(fd);
  try {
    files.rmSync(path, { force: true });
  } catch {
    // The error that led here is the one that counts.
  }
}

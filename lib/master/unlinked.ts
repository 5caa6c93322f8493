import { openSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Opens an empty file that has no name any more, so that nothing can be left behind. */
export function openUnlinked(): number {
  const name = `prefork-${process.pid}-${process.hrtime.bigint().toString(36)}`;
  let failure: unknown;
  // Memory where there is a file system of it: a write there never waits for a disk.
  for (const folder of ['/dev/shm', tmpdir()]) {
    const path = join(folder, name);
    try {
      const fd = openSync(path, 'wx+', 0o600);
      unlinkSync(path);
      return fd;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

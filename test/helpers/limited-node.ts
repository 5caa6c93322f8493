import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from './place.js';

/** A program that runs node with a limit of open files, for itself and all its children. */
export function limitedNode(t: TestContext, limit: number): string {
  const path = join(temporaryFolder(t), 'node');
  writeFileSync(path, `#!/bin/sh\nulimit -n ${limit}\nexec ${process.execPath} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

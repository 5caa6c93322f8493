import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import * as module from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { classes } from '../helpers/classes.js';
import { Host, type HostOptions } from '../helpers/host.js';
import { get } from '../helpers/http.js';

const kept = { skip: !('flushCompileCache' in module) && 'this Node writes no compile cache before its end' };

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true, encoding: 'utf8' })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

async function started(t: TestContext, folder: string, more: HostOptions): Promise<Host> {
  const host = new Host(t, { workers: 1, ...more }, { env: { NODE_COMPILE_CACHE: folder } });
  assert.equal((await get(await host.ready())).status, 200);
  return host;
}

for (const { name, options } of classes(1)) {
  test(`what a worker has compiled is there for the next one, though it is killed: ${name}`, kept, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'prefork-compiled-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const host = await started(t, folder, options);
    const written = files(folder);
    assert.ok(written.length > 0);
    const [worker] = await host.workers();
    process.kill(worker?.pid as number, 'SIGKILL');
    await host.event('worker:ready', ({ age }) => age === 2);
    // The next worker has found all of it in the cache.
    assert.deepEqual(files(folder), written);
  });
}

import assert from 'node:assert/strict';
import test from 'node:test';
import { Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { gone } from '../helpers/process.js';

/* An exception in a turn of the master ends nothing: the master reports it, and tries again. */

const ENTRY = { entry: 'stumbles.js' };

for (const stumbles of [1, 2]) {
  test(`turn_throws: a worker is replaced later, the others serve; ${stumbles} in a row`, async (t) => {
    const host = new Host(t, { workers: 2 }, ENTRY);
    const url = await host.ready();
    const [victim] = await host.workers();
    host.child.send({ stumbles });
    process.kill(victim?.pid as number, 'SIGKILL');
    const [error] = await host.event('error');
    assert.deepEqual([error.code, error.cause.message], ['ERR_SYSTEM', 'injected into fill']);
    assert.equal((await get(`${url}/`)).body, 'hello');
    await host.event('worker:ready', ({ age }) => age === 3);
    assert.equal((await host.workers()).length, 2);
    // The same error is reported once.
    assert.equal(host.of('error').length, 1);
    host.kill('SIGTERM');
    assert.deepEqual(await host.exited(), { code: 0, signal: null });
  });
}

test('turn_throws: promises are settled all the same', async (t) => {
  const host = new Host(t, { workers: 1 }, ENTRY);
  await host.ready();
  host.child.send({ stumbles: 1 });
  await host.call('scale', 2);
  host.child.send({ stumbles: 1 });
  assert.equal(((await host.call('reload')) as { replaced: number }).replaced, 2);
  host.child.send({ stumbles: 1 });
  await host.call('stop');
  await gone(...host.workerPids);
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
});

test('turn_throws: the start is rejected, and nothing is left', async (t) => {
  const host = new Host(t, { workers: 1 }, { ...ENTRY, env: { STUMBLES: '1' } });
  const [error] = await host.event('rejected');
  assert.deepEqual([error.code, error.cause.message], ['ERR_SYSTEM', 'injected into fill']);
  assert.deepEqual(await host.exited(), { code: 1, signal: null });
});

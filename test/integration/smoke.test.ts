import assert from 'node:assert/strict';
import test from 'node:test';
import { Host } from '../helpers/host.js';

test('smoke', async (t) => {
  const host = new Host(t, {});
  const url = await host.ready();
  const response = await fetch(url);
  assert.equal(await response.text(), 'hello');
  host.kill('SIGTERM');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
});

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { Host } from '../helpers/host.js';

test('everything is undone at the stop', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'socket');
  const host = new Host(t, { workers: 2, bind: ['127.0.0.1:0', `unix:${path}`] }, { entry: 'counts-what-is-left.js' });
  // The host ends by itself: nothing of the Arbiters keeps it alive.
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
  const rounds = host.of('round').map(({ args: [round] }) => round);
  assert.equal(rounds.length, 3);
  for (const [index, { before, constructed, during, after }] of rounds.entries()) {
    assert.deepEqual(constructed, before, 'the constructor has a side effect');
    assert.equal(during.title, 'prefork: master [prefork]');
    assert.equal(during.children.length, 3, 'two workers and the guard');
    assert.notDeepEqual(during.listeners, before.listeners);
    if (index === 0) {
      // The first start makes node open what it never closes again.
      delete before.descriptors;
      delete after.descriptors;
      delete before.resources;
      delete after.resources;
    }
    assert.deepEqual(after, before, `round ${index}`);
  }
  assert.equal(existsSync(path), false);
});

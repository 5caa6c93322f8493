/* A program may throw anything, also a value that throws as soon as somebody looks at it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { UNREADABLE } from '../fixtures/unreadable.js';
import { assertUnharmed, CLASSES, single } from '../helpers/classes.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

const APP = fixture('throws-unreadable.js');
const ALL = Object.keys(UNREADABLE);
const path = (where: string, name: string): string => `/${where}/${encodeURIComponent(name)}`;

for (const workerClass of CLASSES) {
  test(`a handler that throws what cannot be looked at fails for its request alone: ${workerClass}`, async (t) => {
    const host = new Host(t, { ...single(workerClass), app: APP });
    const url = await host.ready();
    for (const where of ['now', 'rejects']) {
      for (const name of ALL) {
        assert.equal((await get(url + path(where, name))).status, 500, `${where} ${name}\n${host.log}`);
        assert.equal((await get(`${url}/`)).status, 200, `behind ${where} ${name}\n${host.log}`);
      }
    }
    for (const event of ['worker:error', 'worker:exit', 'thread:exit']) assert.deepEqual(host.of(event), [], host.log);
  });
}

for (const logger of [true, false]) {
  test(`such an uncaught exception is answered 500, and told, logger: ${logger}`, async (t) => {
    const host = new Host(t, { workers: 1, workerClass: 'async', app: APP, logger });
    const url = await host.ready();
    for (const [index, name] of ALL.entries()) {
      assert.equal((await get(url + path('later', name))).status, 500, `${name}\n${host.log}`);
      const [, { code, reason }] = await host.event('worker:exit', ({ age }) => age === index + 1);
      assert.deepEqual([code, reason, host.of('worker:error').length], [1, 'crash', index + 1], `${name}\n${host.log}`);
      await host.event('worker:ready', ({ age }) => age === index + 2);
    }
  });
}

test('a listener of messages that throws such things ends nothing', async (t) => {
  const host = new Host(t, { workers: 1, workerClass: 'sync', app: APP, logger: false });
  await host.ready();
  for (const name of ALL) await host.call('send', 1, name);
  await host.until(() => host.of('worker:error').length === ALL.length, 'an error for each');
  assert.deepEqual(host.of('worker:exit'), [], host.log);
});

for (const name of ALL) {
  test(`metrics that are rejected with it are a warning: ${name}`, async (t) => {
    const host = new Host(t, { workers: 1, workerClass: 'async', app: APP });
    const url = await host.ready();
    assert.equal((await get(url + path('metrics', name))).status, 200);
    const [, { code, message }] = await host.event('worker:warning');
    assert.equal(code, 'metrics');
    assert.match(message, /^its metrics could not be had: ./);
    await assertUnharmed(host);
  });

  test(`an application that throws it while it loads has failed to load: ${name}`, async (t) => {
    const host = new Host(t, { workers: 1, app: APP }, { env: { UNREADABLE_AT_LOAD: name } });
    await host.exited();
    const [{ code }] = await host.event('rejected');
    assert.equal(code, 'ERR_APP_LOAD', host.log);
  });
}

for (const rejects of [false, true]) {
  for (const logs of [undefined, ...ALL]) {
    test(`listeners that ${rejects ? 'reject with' : 'throw'} it end nothing; the logger: ${logs ?? 'none'}`, async (t) => {
      const options = { workers: 1, rejects, logs } as object;
      const host = new Host(t, options, { entry: 'listeners-throw-unreadable.js' });
      assert.deepEqual(await host.exited(), { code: 0, signal: null }, host.log);
      const told = host.of('error').map(({ args }) => args);
      assert.equal(told.length, ALL.length, host.log);
      const start = `a listener of 'worker:spawn' ${rejects ? 'rejected' : 'threw'}: `;
      for (const [code, message] of told) assert.deepEqual([code, message.startsWith(start)], ['ERR_LISTENER', true]);
      assert.equal(host.of('warning').length, logs === undefined ? 0 : 1, host.log);
    });
  }
}

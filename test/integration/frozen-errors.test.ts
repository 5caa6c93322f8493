/*
 * `Error` may be frozen, by the application or by `--frozen-intrinsics`. What this library sets there for a moment
 * cannot be set then.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertUnharmed, classes } from '../helpers/classes.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

const app = fixture('freezes-error.js');
const WAYS = {
  'by the application': [],
  'by a flag': ['--frozen-intrinsics', '--disable-warning=ExperimentalWarning'],
};

for (const { name, options } of classes(1)) {
  for (const [way, execArgv] of Object.entries(WAYS)) {
    test(`a frozen Error harms no request, and an exit is told: ${name}, ${way}`, async (t) => {
      const all = { ...options, workers: 1, app, execArgv };
      const host = new Host(t, all, { env: { PREFORK_FAST_TURN: 'force' } });
      const url = await host.ready();
      for (let count = 0; count < 5; count++) assert.equal((await get(url)).body, 'ok', host.log);
      await assertUnharmed(host);
      assert.equal((await get(`${url}/exit`)).status, 500);
      const [, { message }] = await host.event('worker:warning', (_, { code }) => code === 'exit');
      assert.match(message, /^process\.exit\(9\) was called while a request was in flight/);
    });
  }
}

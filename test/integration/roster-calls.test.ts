import assert from 'node:assert/strict';
import test from 'node:test';
import { DUTY } from '../../build/scoreboard/scoreboard.js';
import { fixture } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { RosterHost } from '../helpers/roster.js';

const linux = { skip: process.platform !== 'linux' && 'it looks into /proc' };
const WORKERS = 12;
const KINDS = [
  ['sync workers', { workers: WORKERS }],
  ['threads', { workers: 3, workerClass: 'threaded', threads: 4 }],
] as const;
/** Requests of each client: enough for a few workers to serve without calling another. */
const SHORT = 300;
const CLIENTS = 4;
/** One request that hangs comes with each of so many others. */
const EACH = 120;

for (const [name, options] of KINDS) {
  test(`behind short requests, those that hang keep nobody waiting: ${name}`, linux, async (t) => {
    // No acceptor makes rounds, and nothing that hangs is ended.
    const host = new RosterHost(t, { ...options, app: fixture('app.js'), timeout: 0 });
    const url = await host.ready();
    await host.settle(WORKERS);
    let [answers, hanging] = [0, 0];
    const client = async (): Promise<void> => {
      for (let count = 0; count < SHORT; count++) {
        assert.equal((await get(url)).body, 'hello');
        if (++answers % EACH > 0 || hanging === WORKERS - 2) continue;
        hanging++;
        get(`${url}/spin`).catch(() => undefined);
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    assert.equal(hanging, WORKERS - 2);
    await host.call('stop', { graceful: false });
  });
}

/** Requests of each client: so few that nearly all of them are among the first of a worker. */
const FIRST = 12;
const AT_ONCE = 10;

for (const [name, options] of KINDS) {
  test(
    `of those that rest, as many come as there are requests that take 40 ms, also among the first ones: ${name}`,
    linux,
    async (t) => {
      const host = new RosterHost(t, { ...options, app: fixture('app.js') });
      const url = await host.ready();
      await host.settle(WORKERS);
      let most = 0;
      const client = async (): Promise<void> => {
        for (let count = 0; count < FIRST; count++) {
          assert.match((await get(`${url}/wait?ms=40`)).body, /^waited/);
          most = Math.max(most, host.count(DUTY.BUSY) + host.count(DUTY.BRIEF));
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, client));
      // The acceptor that has just answered may be free.
      assert.ok(most >= AT_ONCE - 2, `${most} were at work at the same time`);
      t.diagnostic(`${most}`);
    },
  );
}

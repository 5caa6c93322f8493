import assert from 'node:assert/strict';
import test from 'node:test';
import { classes } from '../helpers/classes.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';

/*
 * A worker that boots has the sockets as the serving ones have them, and hears nothing while its application blocks the
 * event loop.
 */
for (const { name, options } of classes()) {
  test(`a stop while a worker boots: who connects is answered until it is gone: ${name}`, async (t) => {
    const host = new Host(t, { app: fixture('spins-at-load.js'), workers: 1, ...options, drainDelay: 0 });
    const url = await host.ready();
    const scaled = host.call('scale', 2).catch(() => undefined);
    await host.event('worker:spawn', ({ id }) => id === 2);
    host.kill('SIGTERM');
    const start = performance.now();
    let answered = start;
    for (let code = ''; code !== 'ECONNREFUSED'; ) {
      code = await get(`${url}/`).then(
        ({ body }) => {
          answered = performance.now();
          return body;
        },
        (error) => String(error.code),
      );
      // The booting worker may answer too, if it is done in time. A client that crosses the last close may be reset.
      assert.match(code, /^(1|2|ECONNREFUSED|ECONNRESET)$/);
    }
    assert.ok(answered - start > (performance.now() - start) / 2, 'answers until shortly before the end');
    assert.deepEqual(await host.exited(), { code: 0, signal: null });
    await scaled;
  });
}

/* TCP_NODELAY, which connections have from their listening socket. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { CLASSES, single } from '../helpers/classes.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

const app = fixture('reports-no-delay.js');

for (const workerClass of CLASSES) {
  test(`connections have TCP_NODELAY, and the application may take it back: ${workerClass}`, async (t) => {
    const host = new Host(t, { ...single(workerClass), app, bind: ['127.0.0.1:0', '127.0.0.1:0'] });
    await host.ready();
    const urls = ((await host.call('addresses')) as { port: number }[]).map(({ port }) => `http://127.0.0.1:${port}`);
    assert.equal(urls.length, 2);
    for (const url of [...urls, ...urls]) assert.equal((await get(url)).body, '1 0 1');
  });

  test(`with noDelay off they have it not: ${workerClass}`, async (t) => {
    const host = new Host(t, { ...single(workerClass), app, server: { noDelay: false } });
    assert.equal((await get(await host.ready())).body, '0 0 1');
  });
}

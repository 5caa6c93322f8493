/* Options of TCP: TCP_NODELAY, which connections have from their listening socket, and SO_KEEPALIVE. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { CLASSES, single } from '../helpers/classes.js';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
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

/** The timer that runs for the server's side of each connection to this port, see proc(5): 2 is that of SO_KEEPALIVE. */
function timersOf(port: number): string[] {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  return rows.flatMap(([, at = '', , state, , timer = '']) =>
    at.endsWith(local) && state === '01' ? timer.slice(0, 2) : [],
  );
}

for (const probed of [true, false]) {
  test(`server.keepAlive, which is of TCP, has the system probe silent clients: ${probed}`, {
    skip: process.platform !== 'linux',
  }, async (t) => {
    const server = { keepAlive: probed, keepAliveInitialDelay: 60_000 };
    const host = new Host(t, { ...single('async'), server, keepAlive: 60_000 });
    const url = await host.ready();
    const client = await RawClient.connect(t, url);
    await client.get('/').until((received) => received.endsWith('hello'), 'an answer');
    const timers = timersOf(Number(new URL(url).port));
    assert.equal(timers.includes('02'), probed, timers.join());
  });
}

/* A request is not served if its client has left while it waited. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { ByteClient } from '../helpers/byte-client.js';
import { atRest, CLASSES, single } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { temporaryFolder } from '../helpers/place.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const WAYS: Readonly<Record<string, (client: ByteClient) => Promise<unknown>>> = {
  reset: (client) => {
    client.reset();
    return client.all();
  },
  'end of its side': (client) => client.shut(),
};
const LEAVERS = 10;

/**
 * Lets the event loop of a worker stand still until `end` is called: what clients do meanwhile, the worker sees
 * afterwards.
 */
async function standStill(t: TestContext, host: Host, url: string): Promise<{ path: string; end(): Promise<void> }> {
  const file = join(temporaryFolder(t), 'end');
  const path = `/busy?until=${encodeURIComponent(file)}`;
  const busy = get(`${url}${path}`);
  await host.event('worker:message');
  const end = async (): Promise<void> => {
    writeFileSync(file, '');
    assert.equal((await busy).status, 200);
  };
  return { path, end };
}

for (const workerClass of CLASSES) {
  for (const [way, leave] of Object.entries(WAYS)) {
    test(`gone: clients that left the kernel's queue, by ${way}, ${workerClass}`, async (t) => {
      const host = new Host(t, { ...single(workerClass), workerConnections: 100, app: fixture('patience.js') });
      const url = await host.ready();
      const busy = await standStill(t, host, url);
      const leavers = await Promise.all(Array.from({ length: LEAVERS }, () => ByteClient.connect(url)));
      for (const [index, client] of leavers.entries()) client.get(`/gone/${index}?spin=120`);
      await Promise.all(leavers.map((client) => leave(client)));
      const stayed = (await ByteClient.connect(url)).get('/stayed');
      await busy.end();
      assert.match((await stayed.until('/stayed')).received, /^HTTP\/1\.1 200 /);
      stayed.reset();
      const called: string[] = JSON.parse((await get(`${url}/called`)).body);
      const served = called.filter((path) => path.startsWith('/gone'));
      // A client that leaves just as its request begins cannot be told from one that leaves a moment later.
      assert.ok(served.length <= 2, `of ${LEAVERS} that had left, ${served.length} were served`);
      await eventually(
        async () => (await host.stats()).totals.abandoned === LEAVERS - served.length,
        'all of them in the statistics',
      );
      await atRest(host);
    });
  }
}

for (const workerClass of ['sync', 'threaded'] as const) {
  for (const [way, leave] of Object.entries(WAYS)) {
    test(`gone: clients that left while their requests waited in the worker, by ${way}, ${workerClass}`, async (t) => {
      const gate = await Gate.open(t);
      const options = { ...single(workerClass), workerConnections: 100, app: fixture('patience.js'), env: gate.env };
      const host = new Host(t, options);
      const url = await host.ready();
      const leavers = await Promise.all(Array.from({ length: LEAVERS }, () => ByteClient.connect(url)));
      for (const client of leavers) client.send('GET /gone HTTP/1.1\r\n');
      await eventually(async () => (await host.stats()).workers[0]?.connections === LEAVERS, 'all connections');
      const held = await gate.hold(`${url}/held`);
      for (const client of leavers) client.send('Host: test\r\n\r\n');
      await held.arrival.settle();
      for (const client of leavers) void leave(client);
      await held.arrival.settle();
      held.arrival.release();
      assert.equal((await get(`${url}/stayed`)).status, 200);
      assert.deepEqual(JSON.parse((await get(`${url}/called`)).body), ['/held', '/stayed']);
      await eventually(async () => (await host.stats()).totals.abandoned === LEAVERS, 'all of them in the statistics');
      await atRest(host);
    });
  }
}

for (const workerClass of CLASSES) {
  test(`gone: with allowHalfOpen only a reset counts as leaving, ${workerClass}`, async (t) => {
    const options = {
      ...single(workerClass),
      workerConnections: 100,
      allowHalfOpen: true,
      app: fixture('patience.js'),
    };
    const host = new Host(t, options);
    const url = await host.ready();
    const busy = await standStill(t, host, url);
    const [ended, left] = (await Promise.all([ByteClient.connect(url), ByteClient.connect(url)])) as [
      ByteClient,
      ByteClient,
    ];
    await ended.get('/ended').shut();
    left.get('/left').reset();
    await left.all();
    await busy.end();
    assert.match(await ended.all(), /^HTTP\/1\.1 200 OK\r\n.*\/ended$/s);
    await get(`${url}/after`);
    const called: string[] = JSON.parse((await get(`${url}/called`)).body);
    assert.deepEqual(called, [busy.path, '/ended', '/after']);
    await atRest(host);
  });
}

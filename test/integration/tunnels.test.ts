import assert from 'node:assert/strict';
import test from 'node:test';
import { answersIn, ByteClient } from '../helpers/byte-client.js';
import { assertUnharmed, atRest, CLASSES, classes, single } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { sharing } from '../helpers/shared.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const CONNECT = 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n';
const TAKEN = { workers: 1, workerClass: 'async', keepAlive: 300 };
const REFUSED = 'HTTP/1.1 501 ';

/** What a client may do with the connection on which it asked for a tunnel. */
const MOVES: Readonly<Record<string, (client: ByteClient) => unknown>> = {
  'resets at once': (client) => client.send(CONNECT).reset(),
  'resets after the answer': async (client) => (await client.send(CONNECT).until(REFUSED)).reset(),
  'sends on, and resets': (client) => client.send(`${CONNECT}\x16\x03\x01`).reset(),
  'ends its side': (client) => client.send(CONNECT).finish().all(),
  'sends on, and ends its side': (client) => client.send(`${CONNECT}\x16\x03\x01`).finish().all(),
  'sends on after the answer, and ends its side': async (client) => {
    await client.send(CONNECT).until(REFUSED);
    await client.send('\x16\x03\x01').finish().all();
  },
  stays: (client) => client.send(CONNECT).all(),
};

for (const each of classes()) {
  test(`a tunnel is refused, whatever its client does then: ${each.name}`, async (t) => {
    const host = await sharing(t, { workers: 1, app: fixture('witness.js'), ...each.options });
    const url = await host.ready();
    const [worker] = await host.workers();
    for (const [move, make] of Object.entries(MOVES)) {
      for (let round = 0; round < 8; round++) await make(await ByteClient.connect(url));
      assert.equal(JSON.parse((await get(url)).body).pid, worker?.pid, move);
    }
    await atRest(host);
    await assertUnharmed(host);
  });

  test(`a tunnel behind a request is not answered in its place: ${each.name}`, async (t) => {
    const host = await sharing(t, { workers: 1, app: fixture('witness.js'), ...each.options });
    const url = await host.ready();
    for (const path of ['/late?ms=20', '/large?bytes=100000', '/']) {
      const client = (await ByteClient.connect(url)).get(path).send(CONNECT);
      // The first answer, and perhaps the refusal behind it; or nothing, if the connection is cut off.
      const [first] = answersIn(await client.finish().all());
      assert.ok(first === undefined || first.status === 200, `${first?.status} for ${path}`);
    }
    await atRest(host);
    await assertUnharmed(host);
  });
}

for (const workerClass of CLASSES) {
  test(`a tunnel behind an answer that is written as its client takes it: ${workerClass}`, async (t) => {
    const host = new Host(t, { ...single(workerClass), workerConnections: 100, app: fixture('patience.js') });
    const url = await host.ready();
    const bytes = 5_000_000;
    // In one piece: the handler finds the CONNECT behind its request as it begins to write.
    const client = await ByteClient.connect(url);
    client.send(`GET /stream?bytes=${bytes} HTTP/1.1\r\nHost: a\r\n\r\n${CONNECT}`);
    const [first, ...others] = answersIn(await client.all());
    assert.ok(Number(first?.body.length) >= bytes);
    assert.deepEqual(
      others.map(({ status }) => status),
      workerClass === 'sync' ? [] : [501],
    );
    await atRest(host);
    await assertUnharmed(host);
  });
}

for (const [whose, name] of [
  ['its server', ''],
  ["Fastify's server", '#framework'],
]) {
  test(`a tunnel that the application takes is given to it behind the answers before: ${whose}`, async (t) => {
    const host = await sharing(t, { ...TAKEN, app: `${fixture('takes-connections.js')}${name}` });
    const url = await host.ready();
    for (const requests of [1, 2]) {
      const client = await ByteClient.connect(url);
      client.send(`GET /late HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(requests) + CONNECT);
      await client.until('[tunnel]');
      const answers = 'HTTP/1\\.1 200 OK\r\n.*?\r\n\r\nlate /late';
      assert.match(
        client.received,
        new RegExp(`^(?:${answers}){${requests}}HTTP/1\\.1 200 Established\r\n\r\n\\[tunnel\\]$`, 's'),
      );
      // A connection that waits for a request from now on is closed. If the tunnel had such a timeout, it would end before.
      await (await ByteClient.connect(url)).get('/late').all();
      await client.send('through').until('[through]');
      client.reset();
    }
    await atRest(host);
    await assertUnharmed(host);
  });
}

for (const workerClass of ['sync', 'threaded'] as const) {
  test(`a tunnel behind a request that waits for a place is not answered in its place: ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    const options = { ...single(workerClass), workerConnections: 100, app: fixture('patience.js'), env: gate.env };
    const host = new Host(t, options);
    const url = await host.ready();
    const [client, leaver] = [await ByteClient.connect(url), await ByteClient.connect(url)];
    await eventually(async () => (await host.stats()).workers[0]?.connections === 2, 'both connections');
    const held = await gate.hold(`${url}/held`);
    client.get('/first').get('/second').send(CONNECT);
    leaver.get('/gone').send(CONNECT);
    await held.arrival.settle();
    leaver.reset();
    await held.arrival.settle();
    assert.equal(client.received, '');
    held.arrival.release();
    const answers = answersIn(await client.finish().all());
    // The first answer is the last one where connections are not kept.
    assert.deepEqual(
      answers.map(({ status, body }) => [status, body]),
      [
        [200, '/first'],
        [200, '/second'],
        [501, ''],
      ].slice(0, workerClass === 'sync' ? 1 : 3),
    );
    assert.equal((await held.answer).status, 200);
    assert.deepEqual(JSON.parse((await get(`${url}/called`)).body).includes('/gone'), false);
    await atRest(host);
    await assertUnharmed(host);
  });
}

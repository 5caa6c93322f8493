/*
 * Some applications take all listeners off a connection or an answer, to be rid of their own. A connection that is
 * reset while it is being ended tells nobody that it has gone. Neither loses a place, and no stop waits for it.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { LogFile, parse } from '../helpers/access-log.js';
import { ByteClient } from '../helpers/byte-client.js';
import { noCertificates } from '../helpers/certificate.js';
import { assertUnharmed, atRest, CLASSES, single } from '../helpers/classes.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { answerOf, connect, http2Host, request } from '../helpers/http2.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

const APP = fixture('loses-closes.js');
/** More than there is room for, if any of them keeps its place. */
const TIMES = 3;

/** Asserts that the only worker ends when it is told to, and is not killed. */
async function assertStops(host: Host): Promise<void> {
  await assertUnharmed(host);
  await host.call('stop');
  const [, { reason, signal, overdue }] = await host.event('worker:exit');
  assert.deepEqual([reason, signal, overdue], ['stop', null, undefined], host.log);
}

for (const workerClass of CLASSES) {
  // The other classes do without the end of an answer: the connection ends with it, or a thread passes the place on.
  const more = workerClass === 'async' ? ['/answer'] : [];
  for (const way of ['/connection', '/all-of-connection', '/reset', ...more]) {
    test(`no place is lost with a listener, or a reset: ${way.slice(1)}, ${workerClass}`, async (t) => {
      const room = workerClass === 'async' && { workerConnections: TIMES - 1, keepAlive: 60_000 };
      const host = new Host(t, { ...single(workerClass), ...room, app: APP });
      const url = await host.ready();
      for (let time = 0; time < TIMES; time++) {
        const client = await ByteClient.connect(url);
        // Without listeners of its own, Node does not notice the end of a keep-alive connection.
        if (way === '/all-of-connection') client.send(`GET ${way} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
        else client.get(way);
        if (way !== '/reset') await client.until('done');
        // The request is finished, even if its connection is kept.
        await host.finished(time + 1);
        await client.finish().all();
      }
      assert.equal((await get(`${url}/`)).status, 200);
      await atRest(host);
      await assertStops(host);
    });
  }
}

test('no place is lost with a listener: an upgrade, whose line is written', async (t) => {
  const log = new LogFile(t);
  const host = new Host(t, { ...single('async'), app: APP, accessLog: log.path });
  const url = await host.ready();
  for (let time = 0; time < TIMES; time++) {
    const client = await ByteClient.connect(url);
    client.send('GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: any\r\n\r\n');
    await client.until('101');
    await client.finish().all();
  }
  await atRest(host);
  await assertStops(host);
  assert.deepEqual(
    log.texts().map((line) => parse(line).status),
    Array(TIMES).fill(101),
  );
});

test('no place is lost with a listener: an HTTP/2 stream', { skip: noCertificates }, async (t) => {
  const host = http2Host(t, { app: APP });
  const session = await connect(t, await host.ready());
  for (let time = 0; time < TIMES; time++) {
    assert.deepEqual(await answerOf(request(session, '/stream')), { status: 200, body: 'done' });
    await host.finished(time + 1);
  }
  session.close();
  await atRest(host);
  await assertStops(host);
});

/* What is on its way on a kept connection when a drain begins: the rest of a body, or the next request. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { BuiltInClass } from 'prefork';
import { answersIn, ByteClient } from '../helpers/byte-client.js';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { KEEPING } from '../helpers/classes.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { StubbornClient } from '../helpers/stubborn-client.js';

const STOPPED = { code: 0, signal: null, reason: 'stop' };
/** Who waits for a limit waits in vain. */
const UNHURRIED = { workers: 1, gracefulTimeout: 2 ** 31 - 1, keepAlive: 600_000 };

const with20 = (workerClass: BuiltInClass): HostOptions => ({
  ...UNHURRIED,
  workerClass,
  ...(workerClass === 'threaded' && { threads: 20 }),
});

for (const workerClass of KEEPING) {
  for (const secure of [false, true]) {
    const how = `${secure ? ', with TLS' : ''}, ${workerClass}`;
    for (const kind of secure ? ['now'] : ['now', 'reads']) {
      const skip = secure && noCertificates;
      test(`drain: who goes on with a body that has been answered does not hold it up, ${kind}${how}`, {
        skip,
      }, async (t) => {
        const pair = secure ? certificate() : undefined;
        const more = workerClass === 'threaded' ? { threads: 1, requestBuffer: 0 } : {};
        const app = fixture('takes-uploads.js');
        const host = new Host(t, { ...UNHURRIED, ...more, workerClass, app, ...(pair && { tls: { ...pair } }) });
        const client = (await StubbornClient.connect(await host.ready(), pair?.cert)).read();
        await client.send(`POST /${kind}?n=a&byte=120 HTTP/1.1\r\nHost: test\r\nContent-Length: ${2 ** 40}\r\n\r\nx`);
        await client.until((received) => received.endsWith('\n'));
        const sending = setInterval(() => void client.send('x'), 20);
        t.after(() => clearInterval(sending));
        await host.call('stop');
        assert.deepEqual((await host.event('worker:exit'))[1], STOPPED);
        // It was told by the end of the server's side, long before it could know by a reset.
        assert.equal(client.ended, true);
        assert.deepEqual(
          answersIn(client.received).map(({ status, headers }) => [status, headers.includes('connection: keep-alive')]),
          [[413, true]],
        );
        assert.doesNotMatch(host.log, /foreign/);
      });
    }
  }

  test(`drain: a request that follows an answer at once is served, if that could not say that it is the last, ${workerClass}`, async (t) => {
    const app = `${fixture('endless-app.js')}#plain`;
    const host = new Host(t, { ...with20(workerClass), app });
    const url = await host.ready();
    const clients: ByteClient[] = [];
    for (let count = 0; count < 20; count++) {
      clients.push(await (await ByteClient.connect(url)).get('/tail').until('first'));
    }
    const all = clients.map(async (client) => {
      await client.until('last\r\n0\r\n\r\n');
      client.send('POST /next HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx');
      const answers = answersIn(await client.all());
      return [answers.length, answers.at(-1)?.status, answers.at(-1)?.headers.includes('connection: close')];
    });
    await host.call('reload');
    assert.deepEqual(await Promise.all(all), Array(20).fill([2, 200, true]));
    assert.deepEqual((await host.event('worker:exit'))[1], { ...STOPPED, reason: 'reload' });
  });
}

/*
 * Bytes that are on their way on a keep-alive connection when a drain begins: the rest of a body, or the next request.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { BuiltInClass } from 'prefork';
import { answersIn, ByteClient } from '../helpers/byte-client.js';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { KEEPING } from '../helpers/classes.js';
import { endless } from '../helpers/endless.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { StubbornClient } from '../helpers/stubborn-client.js';

keepHosts();

const STOPPED = { code: 0, signal: null, reason: 'stop' };
const BYTES = Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`);
/** Limits so long that whatever waits for one waits in vain. */
const UNHURRIED = { workers: 1, gracefulTimeout: 2 ** 31 - 1, keepAlive: 600_000 };

const one = (workerClass: BuiltInClass): HostOptions => ({
  ...UNHURRIED,
  workerClass,
  ...(workerClass === 'threaded' && { threads: 1 }),
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
        const more = { ...one(workerClass), ...(workerClass === 'threaded' && { requestBuffer: 0 }) };
        const app = fixture('takes-uploads.js');
        const host = new Host(t, { ...more, app, env: { BUSY: 'yes' }, ...(pair && { tls: { ...pair } }) });
        const client = (await StubbornClient.connect(await host.ready(), pair?.cert)).read();
        await client.send(`POST /${kind}?n=a&byte=120 HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n`);
        await client.until((received) => received.endsWith('\n'));
        let sent = 0;
        const send = async (): Promise<void> => {
          let more = 10;
          while (!client.isOver && (!client.ended || more-- > 0)) {
            await client.send(BYTES);
            sent += 65_536;
          }
          await client.send('0\r\n\r\n');
          client.finish();
        };
        await Promise.all([send(), host.call('stop')]);
        assert.deepEqual((await host.event('worker:exit'))[1], STOPPED);
        // The client was told by the end of the server's side, and by no reset before that.
        assert.equal(client.ended, true);
        assert.deepEqual(
          answersIn(client.received).map(({ status, headers }) => [status, headers.includes('connection: keep-alive')]),
          [[413, true]],
        );
        if (kind !== 'reads') return;
        // The handler has received all of the body, including what came after the server had ended its side.
        assert.deepEqual((await host.event('worker:message'))[1], { bytes: sent });
      });
    }
  }

  test(`drain: a request that follows an answer is served, if that could not say that it is the last, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...one(workerClass), app: endless('plain') });
    const url = await host.ready();
    const other = await (await ByteClient.connect(url)).get('/').until('\r\n\r\n');
    const client = await (await ByteClient.connect(url)).get('/tail').until('first');
    const reloaded = host.call('reload');
    await client.until('last\r\n0\r\n\r\n');
    // This answer shows that the event loop has turned since then.
    await other.get('/').all();
    assert.equal(answersIn(other.received).length, 2);
    client.send('POST /next HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx');
    const answers = answersIn(await client.all());
    assert.deepEqual([answers.length, answers[1]?.status], [2, 200]);
    assert.ok(answers[1]?.headers.includes('connection: close'));
    await reloaded;
    assert.deepEqual((await host.event('worker:exit'))[1], { ...STOPPED, reason: 'reload' });
  });
}

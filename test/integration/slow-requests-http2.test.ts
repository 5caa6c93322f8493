import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { noCertificates } from '../helpers/certificate.js';
import { fixture } from '../helpers/host.js';
import { answerOf, connect, http2Host, request } from '../helpers/http2.js';
import { temporaryFolder } from '../helpers/place.js';

test('slow_streams_of_http2: each is told of once, whether it waits or computes', {
  skip: noCertificates,
}, async (t) => {
  const gates = temporaryFolder(t);
  const host = http2Host(t, { app: fixture('slow-ways.js'), slowAfter: 150 }, { env: { GATES: gates } });
  const session = await connect(t, (await host.ready()).replace('127.0.0.1', 'localhost'));
  const slow = (path: string): Promise<unknown> =>
    host.event('worker:slow', (_, report) => report.request?.url === path);
  const waits = ['/await/one', '/await/two'].map((path) => answerOf(request(session, path)));
  await slow('/await/one');
  await slow('/await/two');
  const computes = answerOf(request(session, '/loop/three'));
  await slow('/loop/three');
  for (const name of ['one', 'two', 'three']) writeFileSync(join(gates, name), '');
  const answers = await Promise.all([...waits, computes]);
  assert.deepEqual(
    answers.map(({ status, body }) => [status, body]),
    ['/await/one', '/await/two', '/loop/three'].map((path) => [200, path]),
  );
  await answerOf(request(session, '/quick'));
  const reports = host.of('worker:slow').map(({ args }) => args[1]);
  assert.deepEqual(reports.map(({ request: { url } }) => url).sort(), ['/await/one', '/await/two', '/loop/three']);
  const found = reports.find(({ request: { url } }) => url === '/loop/three');
  assert.match(found.stack, /loopForLong/);
  for (const { request: about } of reports) assert.equal(about.remoteAddress, '127.0.0.1');
});

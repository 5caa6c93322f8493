import assert from 'node:assert/strict';
import type { ClientHttp2Session } from 'node:http2';
import test from 'node:test';
import { noCertificates } from '../helpers/certificate.js';
import { fixture } from '../helpers/host.js';
import { answerOf, connect, http2Host, request } from '../helpers/http2.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

const needed = { skip: noCertificates };
const STREAMS = 40;

/**
 * Streams that come at once, of four kinds in turn: a GET, one with a body, one that fails, and one that is taken back.
 */
async function streams(session: ClientHttp2Session, way: string): Promise<void> {
  const kinds = ['get', 'post', 'fails', 'leaves'] as const;
  const all = Array.from({ length: STREAMS }, async (_, index) => {
    const kind = kinds[index % kinds.length];
    const path = `/${way}/${kind}/${index}`;
    const stream = request(session, path, { ':method': kind === 'post' ? 'POST' : 'GET' });
    if (kind === 'post') stream.end('a body');
    if (kind === 'leaves') setImmediate(() => stream.close(8));
    const { status, body } = await answerOf(stream);
    if (kind === 'fails') assert.deepEqual([status, body], [500, 'Internal Server Error\n']);
    else if (kind !== 'leaves') assert.deepEqual([path, JSON.parse(body)], [path, { found: null, own: path }]);
  });
  await Promise.all(all);
}

for (const way of ['run', 'enterWith', 'inherit']) {
  test(`async contexts: no HTTP/2 stream finds another one's store, ${way}`, needed, async (t) => {
    const host = http2Host(t, { app: fixture('context-app.js') });
    const url = await host.ready();
    const sessions = [await connect(t, url), await connect(t, url)];
    for (let round = 0; round < 5; round++) await Promise.all(sessions.map((session) => streams(session, way)));
    await host.call('reload');
    await streams(await connect(t, url), way);
    assert.deepEqual(host.of('worker:error'), []);
  });
}

import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { classes } from '../helpers/classes.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { answerOf, connect, http2Host, request } from '../helpers/http2.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

const app = fixture('fetch-app.js');

const BREAKS = ['/breaks', '/breaks-late', '/breaks-like-a-stream', '/breaks-at-once'];

/** Each is broken off for the client, counted once, and told once. */
async function breaksAreTold(host: Host, ask: (path: string) => Promise<string>): Promise<void> {
  for (const path of BREAKS) {
    await assert.rejects(ask(path), `${path}: half an answer came as a whole one`);
    const about = `the handler failed on GET "${path}": Error: it breaks\n`;
    await host.until(() => host.log.includes(about), `${path} in the log`);
  }
  assert.equal(await ask('/'), 'hello');
  await host.finished(BREAKS.length + 1);
  const { errors, crashes } = (await host.stats()).totals;
  assert.deepEqual([errors, crashes], [BREAKS.length, 0]);
  assert.equal(host.log.split('the handler failed on').length - 1, BREAKS.length, host.log);
}

for (const { name, options } of classes(1)) {
  for (const secure of [false, true]) {
    const skip = secure && noCertificates;
    test(`a Fetch body that breaks off is counted and told: ${name}${secure ? ', TLS' : ''}`, { skip }, async (t) => {
      const all: HostOptions = { workers: 1, app, ...options, ...(secure && { tls: { ...certificate() } }) };
      const host = new Host(t, all);
      const url = await host.ready();
      const ca = secure ? certificate().cert : undefined;
      await breaksAreTold(host, async (path) => (await get(`${url}${path}`, ca)).body);
    });
  }
}

const needed = { skip: noCertificates };

async function http2Client(t: TestContext, host: Host): Promise<(path: string) => Promise<string>> {
  const session = await connect(t, await host.ready());
  return async (path) => {
    const stream = request(session, path);
    const { body } = await answerOf(stream);
    if (stream.rstCode !== 0) throw new Error(`broken off with ${stream.rstCode}`);
    return body;
  };
}

test('a Fetch body that breaks off is counted and told: async, HTTP/2', needed, async (t) => {
  const host = http2Host(t, { app });
  await breaksAreTold(host, await http2Client(t, host));
});

test('a Fetch handler whose HTTP/2 client leaves is told so, and that is no failure', needed, async (t) => {
  const host = http2Host(t, { app });
  const session = await connect(t, await host.ready());
  // CANCEL, as browsers say it, and INTERNAL_ERROR, of which Node makes an error.
  for (const [index, code] of [8, 2].entries()) {
    const stream = request(session, '/endless');
    stream.once('data', () => stream.close(code));
    await answerOf(stream);
    await host.until(() => host.log.split('fetch: cancelled').length === index + 2, 'the end of the stream');
  }
  assert.equal((await answerOf(request(session, '/'))).body, 'hello');
  await host.finished(3);
  assert.equal((await host.stats()).totals.errors, 0, host.log);
  assert.doesNotMatch(host.log, /the handler failed/);
});

import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { classes } from '../helpers/classes.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { answerOf, connect, http2Host, request } from '../helpers/http2.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

const app = fixture('fetch-app.js');

const BREAKS = ['/breaks', '/breaks-late', '/breaks-like-a-stream', '/breaks-at-once'];

/** Asserts that each answer is broken off for the client, counted once and reported once. */
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

const REFUSAL = 'Internal Server Error\n';
/** Paths that fail before a head is sent. */
const UNSENT = ['/breaks-before-its-head', '/ends-early', '/no-header', '/no-head-of-204', '/no-status'];

for (const { name, options } of classes(1)) {
  test(`what of a Response cannot be sent is a 500 without a word of it, or a broken-off answer: ${name}`, async (t) => {
    const host = new Host(t, { workers: 1, app, ...options });
    const url = await host.ready();
    for (const path of UNSENT) {
      const { status, body } = await get(`${url}${path}`);
      assert.deepEqual([path, status, body], [path, 500, REFUSAL]);
    }
    await assert.rejects(get(`${url}/locked`), 'a broken answer came as a whole one');
    // An answer of the application itself stays what it is.
    for (const [path, wanted] of [
      ['/error-text', { status: 200, body: 'Error: no more than a text' }],
      ['/error-page', { status: 500, body: 'Error: of its own' }],
    ] as const) {
      const { status, body } = await get(`${url}${path}`);
      assert.deepEqual({ status, body }, wanted);
    }
    await host.finished(UNSENT.length + 3);
    assert.equal((await host.stats()).totals.errors, UNSENT.length + 1, host.log);
  });
}

for (const { name, options, keeps } of classes(1)) {
  if (!keeps) continue;
  test(`a client that sends its body for longer than its Fetch answer takes keeps its connection: ${name}`, async (t) => {
    const host = new Host(t, { workers: 1, app, ...options });
    const url = await host.ready();
    const client = await RawClient.connect(t, url);
    client.send('POST /ignores-the-body HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n');
    client.send('x'.repeat(4_000_000));
    await client.until((received) => received.includes('ignored'), 'the early answer');
    // This timer runs on the same event loop, began later, and is longer than the half second of the adapter's timer.
    // That one would have ended the connection by then.
    assert.equal((await get(`${url}/after-a-second`)).body, 'waited');
    client.send('x'.repeat(4_000_000)).get('/');
    await client.until((received) => received.includes('ignored') && received.includes('hello'), 'both answers');
  });
}

const needed = { skip: noCertificates };

test(
  'what of a Response cannot be sent is a 500 without a word of it, or a broken-off answer: async, HTTP/2',
  needed,
  async (t) => {
    const host = http2Host(t, { app });
    const session = await connect(t, await host.ready());
    // In HTTP/2, a header may have any character.
    for (const path of UNSENT.filter((path) => !path.startsWith('/no-head'))) {
      assert.deepEqual(await answerOf(request(session, path)), { status: 500, body: REFUSAL }, path);
    }
    const locked = request(session, '/locked');
    await answerOf(locked);
    assert.equal(locked.rstCode, 2);
    assert.equal((await answerOf(request(session, '/error-text'))).body, 'Error: no more than a text');
  },
);

test(
  'an HTTP/2 answer comes whole, and its session goes on, where nobody has read the body of the request',
  needed,
  async (t) => {
    const host = http2Host(t, { app });
    const session = await connect(t, await host.ready());
    for (const method of ['POST', 'PUT', 'DELETE', 'POST', 'POST', 'POST', 'POST', 'POST']) {
      const stream = request(session, '/big', { ':method': method }, { endStream: false });
      stream.end('a body');
      assert.equal((await answerOf(stream)).body.length, 3_000_000, method);
    }
    assert.equal((await answerOf(request(session, '/'))).body, 'hello');
  },
);

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
  // CANCEL, which browsers send, and INTERNAL_ERROR, of which Node makes an error.
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

test('an HTTP/2 request of whose body a part was read ends with its answer, which comes whole', needed, async (t) => {
  const host = http2Host(t, { app });
  const session = await connect(t, await host.ready());
  for (const [path, status, size] of [
    ['/reads-a-part', 413, 3_000_000],
    ['/reads-a-part-and-throws', 500, REFUSAL.length],
  ] as const) {
    const stream = request(session, path, { ':method': 'POST' }, { endStream: false });
    // More than the window of the stream: the rest waits until somebody reads.
    stream.write(Buffer.alloc(400_000));
    const answer = await answerOf(stream);
    assert.deepEqual([answer.status, answer.body.length, stream.rstCode], [status, size, 0], path);
  }
  await host.finished(2);
  assert.equal((await host.stats()).workers[0]?.active, 0);
});

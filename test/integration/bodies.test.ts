import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import test from 'node:test';
import { CLASSES, KEEPING, single } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { sharing } from '../helpers/shared.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

const MEGABYTE = 1 << 20;
const SIZE = 100 * MEGABYTE;
const BODIES = fixture('bodies.js');
const statuses = (received: string): string[] => received.match(/(?<=HTTP\/1\.1 )\d+/g) ?? [];

interface Sum {
  readonly bytes: number;
  readonly sha256: string;
  /** The most memory that the worker process has had. */
  readonly peak: number;
}

/** Sends a body as fast as it is taken. */
class Upload {
  readonly request: http.ClientRequest;
  readonly #hash = createHash('sha256');
  readonly #done: Promise<void>;
  /** How many bytes the client's system has taken. */
  sent = 0;

  constructor(url: string, headers: http.OutgoingHttpHeaders) {
    this.request = http.request(url, { method: 'POST', agent: false, headers });
    this.#done = this.#send();
    // A test that fails may end before the upload does.
    this.#done.catch(() => undefined);
  }

  async #send(): Promise<void> {
    for (let number = 0; number < SIZE / MEGABYTE; number++) {
      const part = Buffer.alloc(MEGABYTE, `part ${number} `);
      this.#hash.update(part);
      await new Promise<void>((resolve, reject) => {
        this.request.write(part, (error) => (error ? reject(error) : resolve()));
      });
      this.sent += part.length;
    }
    this.request.end();
  }

  async answer(): Promise<{ status: number | undefined; sum: Sum; sha256: string }> {
    const [response] = (await inTime(once(this.request, 'response'), 'the answer')) as [http.IncomingMessage];
    let body = '';
    for await (const text of response.setEncoding('utf8')) body += text;
    await this.#done;
    return { status: response.statusCode, sum: JSON.parse(body), sha256: this.#hash.digest('hex') };
  }
}

for (const workerClass of CLASSES) {
  for (const [how, headers] of Object.entries({ counted: { 'Content-Length': SIZE }, chunked: {} })) {
    test(`upload_100mb_backpressure: ${workerClass}, ${how}`, async (t) => {
      const gate = await Gate.open(t);
      const host = new Host(t, { ...single(workerClass), app: BODIES, env: gate.env });
      const url = await host.ready();
      const before: Sum = JSON.parse((await get(`${url}/`)).body);
      const upload = new Upload(`${url}/slow`, headers);
      t.after(() => upload.request.destroy());
      const reader = await gate.next();
      // The handler does not read. The buffers of the systems on both sides fill up, and then nothing more is sent.
      for (let last = -1; upload.sent !== last; ) {
        last = upload.sent;
        for (let round = 0; round < 25; round++) await reader.settle();
      }
      assert.ok(upload.sent < SIZE / 2, `${upload.sent} bytes were taken from a handler that did not read`);
      reader.release();
      const { status, sum, sha256 } = await upload.answer();
      assert.deepEqual([status, sum.bytes, sum.sha256], [200, SIZE, sha256]);
      // The garbage of a fast stream is some 50 MB; a worker that keeps the body holds all of it in addition.
      const grown = sum.peak - before.peak;
      assert.ok(grown < SIZE, `the worker has grown by ${grown} bytes`);
      await host.finished(2);
    });
  }

  for (const [what, path] of Object.entries({ 'read by iteration': '/', 'read by events': '/events' })) {
    test(`truncated_body_is_not_success: ${workerClass}, ${what}`, async (t) => {
      const host = await sharing(t, { ...single(workerClass), app: BODIES });
      const url = await host.ready();
      const heads = {
        counted: 'Content-Length: 100\r\n\r\nshort',
        'counted, nothing came': 'Content-Length: 100\r\n\r\n',
        chunked: 'Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n',
        'chunked, within a chunk': 'Transfer-Encoding: chunked\r\n\r\n64\r\nshort',
        'chunked, within the end': 'Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n0\r\n',
      };
      for (const [how, bytes] of Object.entries(heads)) {
        const client = await RawClient.connect(t, url, { allowHalfOpen: true });
        client.send(`POST ${path} HTTP/1.1\r\nHost: test\r\n${bytes}`).end();
        assert.doesNotMatch(await client.all(), /HTTP\/1\.1 [23]/, how);
        assert.equal((await get(`${url}/`)).status, 200, how);
      }
      assert.equal(host.of('worker:exit').length + host.of('thread:exit').length, 0);
    });
  }

  test(`client_disconnect_mid_response: ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    const host = new Host(t, { ...single(workerClass), app: BODIES, env: gate.env });
    const url = await host.ready();
    const leaver = (await RawClient.connect(t, url)).get('/endless');
    await leaver.until((received) => received.length > MEGABYTE, 'a megabyte');
    leaver.leave();
    const closed = await gate.next();
    assert.equal(closed.url, '/closed');
    closed.release();
    const { status, body } = await get(`${url}/`);
    assert.deepEqual([status, JSON.parse(body).bytes], [200, 0]);
    await host.finished(2);
    assert.equal(host.of('worker:exit').length + host.of('thread:exit').length, 0);
  });

  test(`a client that closes its side behind the request gets an answer that is there at once, ${workerClass}`, async (t) => {
    const host = new Host(t, single(workerClass));
    const url = await host.ready();
    // If the worker has to wait for a CPU, it may take the client for gone. The client then gets nothing, and never
    // half an answer.
    await eventually(async () => {
      const client = await RawClient.connect(t, url, { allowHalfOpen: true });
      const answer = await client.get('/').end().all();
      assert.match(answer, /^(?:HTTP\/1\.1 200 OK\r\n.*hello)?$/s);
      return answer !== '';
    }, 'an answer');
  });
}

const POST = 'POST /first HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello';

test('bytes behind the body are no second request of a sync worker', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { ...single('sync'), app: fixture('gated.js'), env: gate.env });
  const url = await host.ready();
  const client = (await RawClient.connect(t, url)).send(POST).get('/second');
  const first = await gate.next();
  await first.settle();
  first.release();
  assert.deepEqual(statuses(await client.all()), ['200']);
  const next = await gate.hold(`${url}/next`);
  assert.deepEqual([next.arrival.url, gate.arrivals.length], ['/next', 2]);
  next.arrival.release();
  await next.answer;
});

for (const workerClass of CLASSES) {
  test(`bytes behind the body that are no request are not taken for one, ${workerClass}`, async (t) => {
    const host = await sharing(t, { ...single(workerClass), app: BODIES });
    const url = await host.ready();
    const client = (await RawClient.connect(t, url)).send(`${POST}, and something more\r\n\r\n`);
    const answered = statuses(await client.all());
    // Node may read the bytes behind the body before the answer to the request is sent.
    if (workerClass === 'sync') assert.ok(answered.length === 1 && /200|400/.test(answered[0] ?? ''), answered.join());
    else assert.equal(answered.at(-1), '400');
    assert.equal((await get(`${url}/`)).status, 200);
    assert.equal(host.of('worker:exit').length + host.of('thread:exit').length, 0);
  });
}

for (const workerClass of KEEPING) {
  test(`bytes behind the body are the next request, ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    const host = new Host(t, { ...single(workerClass), app: fixture('gated.js'), env: gate.env });
    const client = (await RawClient.connect(t, await host.ready())).send(POST).get('/second');
    for (const path of ['/first', '/second']) {
      const arrival = await gate.next();
      assert.equal(arrival.url, path);
      arrival.release();
    }
    await client.until((received) => received.endsWith(' /second'), 'the second answer');
    assert.deepEqual(statuses(client.received), ['200', '200']);
  });
}

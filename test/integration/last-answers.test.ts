/* RFC 9112, 9.6: after an answer that says `close`, nothing more of its connection is served. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import test from 'node:test';
import { KEEPING, single } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

const ONE = 'GET /one HTTP/1.1\r\nHost: test\r\n\r\n';

for (const workerClass of KEEPING) {
  const options = { ...single(workerClass), app: fixture('gated.js') };

  test(`a request behind an answer that says close is not begun: ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    // Another client needs a place too.
    const more = workerClass === 'threaded' ? { threads: 2 } : { workerConnections: 2 };
    const host = new Host(t, { ...options, ...more, env: gate.env });
    const url = await host.ready();
    const client = (await RawClient.connect(t, url)).get('/says-close');
    const last = await gate.next();
    await client.until((received) => received.includes('Connection: close'), 'the head of the last answer');
    client.get('/behind');
    // When this later request is served, `/behind` has been read.
    const answer = get(`${url}/other`);
    const other = await gate.next();
    assert.equal(other.url, '/other');
    other.release();
    assert.equal((await answer).status, 200);
    last.release();
    const received = await client.all();
    assert.equal(received.match(/HTTP\/1\.1 /g)?.length, 1, received);
    assert.match(received, /last .* \/says-close/s);
    await host.finished(2);
    assert.equal(gate.arrivals.length, 2);
  });

  test(`with keepAlive 0, of what a client has pipelined only the first is begun: ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    const host = new Host(t, { ...options, keepAlive: 0, env: gate.env });
    const url = await host.ready();
    const client = await RawClient.connect(t, url);
    client.send(ONE + ONE.replace('one', 'two') + ONE.replace('one', 'three'));
    const one = await gate.next();
    assert.equal(one.url, '/one');
    one.release();
    const received = await client.all();
    assert.equal(received.match(/HTTP\/1\.1 200/g)?.length, 1, received);
    await host.finished(1);
    const answer = get(`${url}/other`);
    (await gate.next()).release();
    assert.equal((await answer).status, 200);
    assert.equal(gate.arrivals.length, 2);
  });

  test(`who has sent several requests is not reset when it goes on behind the last answer: ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    const more = workerClass === 'threaded' ? { threads: 2 } : { workerConnections: 2 };
    const host = new Host(t, { ...options, ...more, env: gate.env });
    const url = new URL(await host.ready());
    // A client that can send after the server has ended its side.
    const client = connect({ port: Number(url.port), host: url.hostname, allowHalfOpen: true });
    t.after(() => client.destroy());
    const errors: Error[] = [];
    client.on('error', (error) => errors.push(error));
    let received = '';
    client.setEncoding('latin1').on('data', (text) => {
      received += text;
    });
    const [ended, closed] = [once(client, 'end'), new Promise((resolve) => client.once('close', resolve))];
    for (const path of ['/one', '/says-close']) {
      client.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`);
      (await gate.next()).release();
      await eventually(() => received.includes(` ${path}`), `the answer to ${path}`);
    }
    await inTime(ended, 'the end of the last answer');
    for (let count = 0; count < 3; count++) {
      client.write(ONE);
      const answer = get(`${url.origin}/other`);
      const other = await gate.next();
      assert.equal(other.url, '/other');
      other.release();
      assert.equal((await answer).status, 200);
    }
    client.end();
    await inTime(closed, 'the end of the connection');
    assert.deepEqual(errors, []);
  });
}

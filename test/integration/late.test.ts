import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import { amount } from '../helpers/amount.js';
import { classes } from '../helpers/classes.js';
import { endless } from '../helpers/endless.js';
import { Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { openStream } from '../helpers/stream.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/* What has not come to its end when gracefulTimeout is nearly over: nobody is killed, and no client is deceived. */

const ENDED = { code: 0, signal: null, reason: 'stop' };
const app = endless('plain');
const ROUNDS = amount({ suite: 4, long: 20 });
const MOST_ROUNDS = 20;

for (const { name, options } of classes()) {
  const one = { ...options, workers: 1, timeout: 0 };

  for (const [path, what, whole] of [
    ['/deaf', 'a stream of events is ended', true],
    ['/deaf-set', 'a stream of events whose type was set before is ended', true],
    ['/chunks', 'an answer in chunks is broken off', false],
    ['/length', 'an answer with a length is broken off', false],
  ] as const) {
    test(`${what}: ${name}`, async (t) => {
      const host = new Host(t, { ...one, app, gracefulTimeout: 1_200 });
      const stream = await openStream(`${await host.ready()}${path}`);
      await host.call('stop');
      assert.equal((await stream.over).whole, whole);
      assert.deepEqual((await host.event('worker:exit'))[1], ENDED);
      const [[, warning] = []] = host.of('worker:warning').map(({ args }) => args);
      assert.equal(warning?.code, 'drain');
      assert.match(warning.message, new RegExp(`an answer was not at an end: GET "${path}"`));
    });
  }

  test(`an answer that ends with its connection is reset: ${name}`, async (t) => {
    const host = new Host(t, { ...one, app, gracefulTimeout: 1_200 });
    const url = await host.ready();
    const errors: (string | undefined)[] = [];
    const client = await RawClient.connect(t, url);
    client.onError((error) => errors.push(error.code));
    client.send('GET /chunks HTTP/1.0\r\n\r\n');
    await client.until((received) => received.includes('first'), 'the first part');
    await host.call('stop');
    await client.all();
    assert.deepEqual(errors, ['ECONNRESET']);
    assert.deepEqual((await host.event('worker:exit'))[1], ENDED);
  });

  test(`without a head it is 503: ${name}`, async (t) => {
    const host = new Host(t, { ...one, app, gracefulTimeout: 1_200 });
    const answer = get(`${await host.ready()}/silent`);
    await eventually(async () => (await host.stats()).workers[0]?.active === 1, 'a request in flight');
    await host.call('stop');
    const { status, headers } = await answer;
    assert.deepEqual([status, headers.connection], [503, 'close']);
    assert.deepEqual((await host.event('worker:exit'))[1], ENDED);
  });

  test(`as small as 200 ms, many times: ${name}`, async (t) => {
    const host = new Host(t, { ...one, app, gracefulTimeout: 200 });
    const url = await host.ready();
    const killed = (from: number): number =>
      host
        .of('worker:exit')
        .slice(from)
        .filter(({ args: [, { code }] }) => code !== 0).length;
    let round = 0;
    for (; round < ROUNDS; round++) await drain(round);
    // On a machine that has no CPU for it, a worker can be later than that, and is killed. It is tried until one is not.
    for (; killed(0) === round && round < MOST_ROUNDS; round++) await drain(round);
    assert.ok(killed(0) < round, `${round} of ${round} did not end by themselves`);

    async function drain(round: number): Promise<void> {
      const stream = await openStream(`${url}/deaf`);
      await host.call('reload');
      const { whole } = await stream.over;
      if (killed(round) === 0) assert.equal(whole, true, `round ${round}`);
    }
  });

  test(`Fastify's close runs before the end: ${name}`, async (t) => {
    const fastify = endless('fastifyApp');
    const host = new Host(t, {
      ...one,
      app: fastify,
      gracefulTimeout: 1_200,
      ...(name === 'threaded' && { threads: 1 }),
    });
    const stream = await openStream(`${await host.ready()}/deaf`);
    await host.call('stop');
    assert.equal((await stream.over).whole, true);
    const told = host.of('worker:message').map(({ args }) => args[1]);
    const order = ['signal', 'preClose', 'preClose of a plugin', 'closed /deaf', 'onClose of a plugin', 'onClose'];
    assert.deepEqual(told, order);
    assert.deepEqual((await host.event('worker:exit'))[1], ENDED);
  });

  test(`the master is killed: the signal fires, and streams of events end whole: ${name}`, async (t) => {
    const host = new Host(t, { ...one, app, gracefulTimeout: 60_000 });
    const stream = await openStream(`${await host.ready()}/events`);
    const deaf = name === 'sync' ? undefined : await openStream(`${await host.url()}/deaf`);
    host.kill('SIGKILL');
    assert.deepEqual(await stream.over, { text: 'data: first\n\ndata: last\n\n', whole: true });
    if (deaf) assert.equal((await deaf.over).whole, true);
  });
}

test('a client that does not read, and a kept one, do not hold the end up', async (t) => {
  const host = new Host(t, { workers: 1, workerClass: 'async', app, gracefulTimeout: 1_200, keepAlive: 60_000 });
  const url = await host.ready();
  const agent = new http.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const kept = await openStream(`${url}/`, agent);
  assert.equal((await kept.over).whole, true);
  const silent = await RawClient.connect(t, url);
  await eventually(async () => (await host.stats()).workers[0]?.connections === 2, 'two connections');
  await host.call('stop');
  assert.equal(await silent.all(), '');
  assert.deepEqual((await host.event('worker:exit'))[1], ENDED);
  assert.deepEqual(host.of('worker:warning'), []);
});

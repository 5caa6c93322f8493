import assert from 'node:assert/strict';
import http from 'node:http';
import test, { type TestContext } from 'node:test';
import { isTried } from '../helpers/amount.js';
import { classes } from '../helpers/classes.js';
import { endless } from '../helpers/endless.js';
import { Host, type HostOptions } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { sharing } from '../helpers/shared.js';
import { openStream, type Streamed } from '../helpers/stream.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

/* Answers without an end of their own, and a signal that tells their handlers when a drain begins. */

/** Limits so long that whatever waits for one waits in vain. */
const UNHURRIED = { gracefulTimeout: 2 ** 31 - 1, keepAlive: 600_000, timeout: 0 };
const CLEAN = { code: 0, signal: null };
const WHOLE = { text: 'data: first\n\ndata: last\n\n', whole: true };

function start(t: TestContext, app: Parameters<typeof endless>[0], options: HostOptions): Host {
  return new Host(t, { workers: 1, ...UNHURRIED, app: endless(app), ...options });
}

/** A host that serves on when its first worker has ended. */
function serving(t: TestContext, app: Parameters<typeof endless>[0], options: HostOptions): Promise<Host> {
  return sharing(t, { workers: 1, ...UNHURRIED, app: endless(app), ...options });
}

/** What the workers' application has told, in order. */
const told = (host: Host): unknown[] => host.of('worker:message').map(({ args }) => args[1]);

interface Order {
  readonly order: string;
  readonly reason: string;
  /** Gives the order to the first worker. */
  readonly give: (host: Host, url: string) => Promise<unknown>;
  readonly options?: HostOptions;
  readonly ends?: boolean;
}

const ORDERS: readonly Order[] = [
  { order: 'reload()', reason: 'reload', give: (host) => host.call('reload') },
  { order: 'stop()', reason: 'stop', give: (host) => host.call('stop'), ends: true },
  { order: 'scale()', reason: 'scale', give: (host) => host.call('scale', 1), options: { workers: 2 }, ends: true },
  {
    order: 'TERM from outside',
    reason: 'stop',
    give: async (host) => process.kill(host.workerPids[0] as number, 'SIGTERM'),
  },
  // The request that ends here reaches the limit.
  { order: 'maxRequests', reason: 'recycle', give: (_, url) => get(`${url}/`), options: { maxRequests: 1 } },
];

/** Opens streams until the worker that is to drain serves at least one: nobody can choose the worker of a stream. */
async function open(host: Host, url: string): Promise<Streamed[]> {
  const streams: Streamed[] = [];
  const active = async (): Promise<number[]> => (await host.stats()).workers.map((worker) => worker.active);
  do {
    streams.push(await openStream(`${url}/events`));
    await eventually(async () => (await active()).reduce((sum, one) => sum + one) === streams.length, 'its record');
  } while ((await active())[0] === 0);
  return streams;
}

for (const [number, { name, options, keeps }] of classes().entries()) {
  for (const { order, reason, give, options: more, ends } of ORDERS) {
    // In a sync worker, no other request can end beside a stream, so none reaches `maxRequests`.
    if (order === 'maxRequests' && !keeps) continue;
    test(`the signal ends a stream of events: ${name}, ${order}`, async (t) => {
      const host = ends
        ? start(t, 'plain', { ...options, ...more })
        : await serving(t, 'plain', { ...options, ...more });
      const url = await host.ready();
      const streams = await open(host, url);
      await give(host, url);
      const [{ pid }, exit] = await host.event('worker:exit');
      assert.deepEqual([pid, exit], [host.workerPids[0], { ...CLEAN, reason }]);
      assert.deepEqual(await inTime(Promise.race(streams.map(({ over }) => over)), 'an end of a stream'), WHOLE);
      assert.ok(told(host).includes('signal'), host.log);
      assert.deepEqual([...host.of('worker:warning'), ...host.of('worker:error')], []);
    });
  }

  for (const [nth, app] of (['expressApp', 'koaApp', 'honoApp', 'fastifyApp'] as const).entries()) {
    // How an answer ends in a framework is the same in each class.
    if (!isTried(nth % 3 === number)) continue;
    test(`a reload does not wait for endless answers: ${app}, ${name}`, async (t) => {
      const host = start(t, app, options);
      const url = await host.ready();
      const stream = await openStream(`${url}/events`);
      assert.equal(stream.status, 200);
      await host.call('reload');
      assert.deepEqual(await stream.over, WHOLE);
      assert.deepEqual((await host.event('worker:exit'))[1], { ...CLEAN, reason: 'reload' });
      await host.until(() => told(host).includes('closed /events'), 'the end of the answer');
    });
  }

  test(`a long poll is answered at the signal, and the connection with it: ${name}`, async (t) => {
    const host = start(t, 'plain', options);
    const url = await host.ready();
    const agent = new http.Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const polled = openStream(`${url}/poll`, agent);
    await eventually(async () => (await host.stats()).workers[0]?.active === 1, 'a poll in flight');
    const stopped = host.call('stop');
    const { status, headers } = await polled;
    assert.deepEqual([status, headers.connection], [204, 'close']);
    await stopped;
    assert.deepEqual((await host.event('worker:exit'))[1], { ...CLEAN, reason: 'stop' });
  });

  test(`a kept connection ends with the answer that could not say so: ${name}`, async (t) => {
    const host = await serving(t, 'plain', options);
    const url = await host.ready();
    const agent = new http.Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const stream = await openStream(`${url}/events`, agent);
    await host.call('reload');
    assert.deepEqual(await stream.over, WHOLE);
    // The client's next request goes to the next generation, although its agent would have kept the connection.
    const next = await openStream(`${url}/`, agent);
    const { text } = await next.over;
    const [{ pid } = { pid: 0 }] = await host.workers();
    assert.equal(text, String(pid));
  });
}

test("Fastify's hooks: preClose at the beginning, requests are served, onClose behind the last answer", async (t) => {
  for (const { name, options } of classes(1)) {
    await t.test(name, async (t) => {
      const host = start(t, 'fastifyApp', { ...options, workerConnections: 10 });
      const url = await host.ready();
      const stream = await openStream(`${url}/events`);
      await host.call('stop');
      assert.deepEqual(await stream.over, WHOLE);
      // The hooks run in Fastify's own order, each once.
      const hooks = ['preClose', 'preClose of a plugin', 'onClose of a plugin', 'onClose'];
      const seen = told(host);
      assert.deepEqual(
        seen.filter((message) => hooks.includes(String(message))),
        hooks,
      );
      assert.ok(seen.indexOf('signal') < seen.indexOf('preClose'));
      assert.ok(seen.indexOf('closed /events') < seen.indexOf('onClose of a plugin'), String(seen));
    });
  }
});

test('Fastify answers what comes during a drain as before it', async (t) => {
  const host = start(t, 'fastifyApp', { workerClass: 'async' });
  const url = await host.ready();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const first = await openStream(`${url}/`, agent);
  assert.equal((await first.over).whole, true);
  // The connection of the first request is idle. Another connection holds up the drain.
  const held = await openStream(`${url}/deaf`);
  const stopped = host.call('stop');
  await host.until(() => told(host).includes('preClose'), 'the beginning of the drain');
  const { status, headers, over } = await openStream(`${url}/`, agent);
  assert.deepEqual([status, headers.connection, (await over).whole], [200, 'close', true]);
  assert.ok(!told(host).includes('onClose'));
  assert.equal(held.status, 200);
  process.kill(host.workerPids[0] as number, 'SIGKILL');
  await stopped;
});

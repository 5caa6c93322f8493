import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { type Arrival, Gate } from '../helpers/gate.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const FORMS: Readonly<Record<string, (t: TestContext, options: HostOptions) => Host>> = {
  'class and application by module': (t, options) =>
    new Host(t, { ...options, workerClass: `${fixture('line-worker.js')}#LineWorker`, app: fixture('line-app.js') }),
  'class and application inline': (t, options) => new Host(t, options, { entry: 'line-host.js' }),
};

for (const [form, start] of Object.entries(FORMS)) {
  const send = async (t: TestContext, url: string, line: string): Promise<RawClient> =>
    (await RawClient.connect(t, url)).send(`${line}\n`);

  test(`custom_tcp_worker: a worker that is busy takes no connection, ${form}`, async (t) => {
    const gate = await Gate.open(t);
    const host = start(t, { workers: 2, env: gate.env });
    const url = await host.ready();
    const clients: RawClient[] = [];
    const held: Arrival[] = [];
    for (const line of ['one', 'two']) {
      clients.push(await send(t, url, line));
      held.push(await gate.next());
    }
    const [first, second] = held as [Arrival, Arrival];
    assert.notEqual(first.pid, second.pid);
    for (const line of ['three', 'four']) clients.push(await send(t, url, line));
    for (const arrival of held) await arrival.settle();
    assert.equal(gate.arrivals.length, 2);
    assert.deepEqual(
      (await host.stats()).workers.map(({ active, connections, requests }) => [active, connections, requests]),
      [
        [1, 1, 0],
        [1, 1, 0],
      ],
    );
    second.release();
    const third = await gate.next();
    assert.deepEqual([third.pid, third.url], [second.pid, 'three']);
    await third.settle();
    await first.settle();
    assert.equal(gate.arrivals.length, 3);
    third.release();
    const fourth = await gate.next();
    assert.deepEqual([fourth.pid, fourth.url], [second.pid, 'four']);
    for (const arrival of [first, fourth]) arrival.release();
    const answers = await Promise.all(clients.map((client) => client.all()));
    const [a, b] = [first.pid, second.pid];
    assert.deepEqual(answers, [`${a} ONE\n`, `${b} TWO\n`, `${b} THREE\n`, `${b} FOUR\n`]);
    await host.finished(4);
    assert.equal(gate.most, 1);
  });

  test(`custom_tcp_worker: a stop waits for the answer, ${form}`, async (t) => {
    const gate = await Gate.open(t);
    const host = start(t, { workers: 2, env: gate.env, gracefulTimeout: 2 ** 31 - 1 });
    const client = await send(t, await host.ready(), 'held');
    const held = await gate.next();
    const stopped = host.call('stop');
    // The idle worker leaves at once.
    await host.event('worker:exit');
    await held.settle();
    assert.equal(client.received, '');
    held.release();
    assert.equal(await client.all(), `${held.pid} HELD\n`);
    await stopped;
    assert.deepEqual(
      host.of('worker:exit').map(({ args: [, exit] }) => exit),
      Array(2).fill({ code: 0, signal: null, reason: 'stop' }),
    );
  });
}

const MODULE = FORMS['class and application by module'] as (t: TestContext, options: HostOptions) => Host;

test('custom_tcp_worker: what it was doing is named when it dies', async (t) => {
  const gate = await Gate.open(t);
  const host = MODULE(t, { workers: 1, env: gate.env });
  const url = await host.ready();
  const client = (await RawClient.connect(t, url)).send('the last\n');
  const { pid } = await gate.next();
  process.kill(pid, 'SIGKILL');
  const [, { request, ...exit }] = await host.event('worker:exit');
  assert.deepEqual(exit, { code: null, signal: 'SIGKILL', reason: 'crash' });
  assert.deepEqual([request.method, request.url], ['LINE', 'the last']);
  assert.equal(await client.all(), '');
  const next = (await RawClient.connect(t, url)).send('next\n');
  const arrival = await gate.next();
  arrival.release();
  assert.equal(await next.all(), `${arrival.pid} NEXT\n`);
});

test('custom_tcp_worker: failures are counted, and a client that leaves frees its worker', async (t) => {
  const gate = await Gate.open(t);
  const host = MODULE(t, { workers: 1, env: gate.env });
  const url = await host.ready();
  const failing = (await RawClient.connect(t, url)).send('throw\n');
  assert.equal(await failing.all(), 'failed\n');
  await host.finished(1);
  assert.equal((await host.stats()).totals.errors, 1);
  // This client has sent nothing, so no worker has answered it and ended its connection.
  const leaver = await RawClient.connect(t, url);
  await eventually(async () => (await host.stats()).workers[0]?.connections === 1, 'the connection');
  const next = (await RawClient.connect(t, url)).send('next\n');
  leaver.leave();
  const arrival = await gate.next();
  arrival.release();
  assert.equal(await next.all(), `${arrival.pid} NEXT\n`);
});

test('custom_tcp_worker: every address is served', async (t) => {
  const gate = await Gate.open(t);
  const host = MODULE(t, { workers: 1, env: gate.env, bind: ['127.0.0.1:0', '127.0.0.1:0'] });
  await host.ready();
  const addresses = (await host.call('addresses')) as { port: number }[];
  assert.equal(addresses.length, 2);
  for (const { port } of addresses) {
    const client = (await RawClient.connect(t, `http://127.0.0.1:${port}`)).send('hello\n');
    const arrival = await gate.next();
    arrival.release();
    assert.equal(await client.all(), `${arrival.pid} HELLO\n`);
  }
});

for (const [name, spares, message] of [
  ['OpensEarly', 0, /OpensEarly: open\(\) of the acceptor was called before run\(\)/],
  ['OpensEarly', 1, /OpensEarly: open\(\) of the acceptor was called before run\(\)/],
  ['OpensTwice', 0, /OpensTwice: open\(\) of the acceptor was called before: it is opened once/],
] as const) {
  test(`custom_tcp_worker: ${name}, ${spares} spares`, async (t) => {
    const host = new Host(t, { workers: 1, spares, workerClass: `${fixture('careless-workers.js')}#${name}` });
    const [error] = await host.event('rejected');
    assert.equal(error.code, 'ERR_WORKER_BOOT');
    assert.match(error.message, message);
    await host.exited();
  });
}

test('custom_tcp_worker: work that is ended twice is over once', async (t) => {
  const host = new Host(t, { workers: 1, workerClass: `${fixture('careless-workers.js')}#EndsTwice` });
  const url = await host.ready();
  for (let count = 0; count < 2; count++) assert.equal(await (await RawClient.connect(t, url)).all(), 'hello\n');
  await host.finished(2);
  const { workers, totals } = await host.stats();
  assert.deepEqual([workers[0]?.active, totals.requests, totals.errors], [0, 2, 0]);
});

test('custom_tcp_worker: work without a name ends its worker, and the error says whose it was', async (t) => {
  const host = new Host(t, { workers: 1, workerClass: `${fixture('careless-workers.js')}#NamesNothing` });
  await RawClient.connect(t, await host.ready());
  const [, { message }] = await host.event('worker:error');
  assert.equal(message, 'NamesNothing: url of begin(): expected a string, got undefined');
});

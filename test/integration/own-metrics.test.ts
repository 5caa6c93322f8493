import assert from 'node:assert/strict';
import test from 'node:test';
import { classes } from '../helpers/classes.js';
import { readNumbers } from '../helpers/exposition.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { pace } from '../helpers/pace.js';

keepHosts();

const APP = fixture('own-metrics.js');
/** On a busy machine, an answer takes longer than a scrape is to wait for it. */
const PATIENT = pace({ soak: 300, rest: 100, ownNumbers: 3_000 });
const numbers = async (host: Host): Promise<ReadonlyMap<string, number>> =>
  readNumbers((await host.call('metrics')) as string);
const requests = async (host: Host): Promise<number> => (await numbers(host)).get('app_requests_total{path="/"}') ?? 0;

async function send(url: string, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent++) await get(url);
}

for (const { name, options } of classes()) {
  test(`own_metrics: what workers count adds up, and stays when they go, ${name}`, async (t) => {
    const host = new Host(t, { ...options, workers: 2, app: APP }, { env: PATIENT });
    const url = await host.ready();
    await send(`${url}/`, 10);
    // The workers are asked: no number is as old as the last round.
    const seen = await numbers(host);
    assert.equal(seen.get('app_requests_total{path="/"}'), 10);
    assert.deepEqual(
      [
        'app_size_bucket{le="1"}',
        'app_size_bucket{le="10"}',
        'app_size_bucket{le="+Inf"}',
        'app_size_count',
        'app_size_sum',
      ].map((key) => seen.get(key)),
      [0, 10, 10, 10, 50],
    );
    assert.deepEqual([seen.get('app_wait_count'), seen.get('app_wait_sum')], [10, 10]);
    assert.deepEqual(
      [...seen.keys()].filter((key) => key.includes('quantile')),
      [],
    );
    assert.deepEqual([seen.get('app_age_max'), seen.has('app_age_omit')], [2, false]);
    const sources = name === 'threaded' ? 2 : 1;
    assert.equal(seen.get('app_age_sum'), sources * (1 + 2));
    await host.call('reload');
    assert.equal(await requests(host), 10);
    assert.equal((await numbers(host)).get('app_age_sum'), sources * (3 + 4));
    await send(`${url}/`, 5);
    assert.equal(await requests(host), 15);
    // The worker has told of all its requests, since it was asked.
    const [worker] = await host.workers();
    process.kill(worker?.pid as number, 'SIGKILL');
    await host.event('worker:exit', ({ pid }) => pid === worker?.pid);
    assert.equal(await requests(host), 15);
    await host.event('worker:ready', ({ age }) => age === 5);
    await send(`${url}/`, 5);
    assert.equal(await requests(host), 20);
    await get(`${url}/reset`);
    assert.equal(await requests(host), 20);
    await send(`${url}/`, 1);
    assert.equal(await requests(host), 21);
    await host.call('stop');
  });
}

test('own_metrics: a worker that drains tells its last numbers, though nobody asks', async (t) => {
  const host = new Host(t, { workers: 1, app: APP }, { env: { HOST_STAYS: '1', ...PATIENT } });
  const url = await host.ready();
  assert.equal(await requests(host), 0);
  await send(`${url}/`, 7);
  await host.call('stop');
  assert.equal(await requests(host), 7);
});

test('own_metrics: a thread that ends takes nothing with it', async (t) => {
  const host = new Host(t, { workers: 1, workerClass: 'threaded', threads: 2, app: APP }, { env: PATIENT });
  const url = await host.ready();
  await send(`${url}/`, 6);
  assert.equal(await requests(host), 6);
  await get(`${url}/exit`);
  await host.event('thread:exit');
  assert.equal(await requests(host), 6);
  await send(`${url}/`, 3);
  assert.equal(await requests(host), 9);
});

test('own_metrics: a worker that hangs holds nobody up, and is known by its last numbers', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { workers: 2, timeout: 0, app: APP, env: gate.env }, { env: PATIENT });
  const url = await host.ready();
  await send(`${url}/`, 4);
  assert.equal(await requests(host), 4);
  const hung = get(`${url}/hang`);
  hung.catch(() => undefined);
  await host.until(() => true, 'the host');
  const held = await gate.hold(`${url}/held`);
  // The other worker answers.
  const seen = await numbers(host);
  assert.equal(seen.get('app_requests_total{path="/"}'), 4);
  assert.equal(seen.get('app_requests_total{path="/held"}'), 1);
  held.arrival.release();
  await held.answer;
});

test('own_metrics: names of this library are refused, and what is too much is told of', async (t) => {
  const host = new Host(t, { workers: 1, app: APP, env: { OWN_NAMES: '1' } }, { env: PATIENT });
  const url = await host.ready();
  await send(`${url}/`, 1);
  const seen = await numbers(host);
  assert.deepEqual([seen.has('prefork_own_total'), seen.get('app_requests_total{path="/"}')], [false, 1]);
  const [, warning] = await host.event('worker:warning');
  assert.equal(warning.code, 'metrics');
  assert.match(warning.message, /^of its metrics 'prefork_own_total' cannot be exported: .*prefork_/);
  const much = new Host(t, { workers: 1, app: APP, env: { OWN_SIZE: '10000' } }, { env: PATIENT });
  await much.ready();
  const [, told] = await much.event('worker:warning');
  assert.match(told.message, /its metrics take \d+ characters of JSON, and at most 1047552 are exported/);
  assert.equal((await numbers(much)).get('app_much'), undefined);
});

test('own_metrics: two registries with metrics of one name are one, and what contradicts is told of once', async (t) => {
  const host = new Host(t, { workers: 1, app: APP, env: { OWN_TWICE: '1' } }, { env: PATIENT });
  await send(`${await host.ready()}/`, 3);
  const seen = await numbers(host);
  const keys = ['app_requests_total{path="/"}', 'app_requests_total{path="/of the other"}', 'app_size_count'];
  assert.deepEqual(
    keys.map((key) => seen.get(key)),
    [3, 1, 3],
  );
  const [worker, warning] = await host.event('worker:warning');
  assert.deepEqual([worker.id, warning.code], [1, 'metrics']);
  assert.match(warning.message, /^two registries have a metric app_size, one a histogram and one a gauge/);
  await numbers(host);
  assert.equal(host.of('worker:warning').length, 1);
});

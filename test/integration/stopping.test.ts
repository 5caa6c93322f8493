import assert from 'node:assert/strict';
import test from 'node:test';
import { Arbiter } from 'prefork';
import { Gate } from '../helpers/gate.js';
import { fixture, Host, type HostSettings } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { alive } from '../helpers/process.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/** No time limit of the master runs out, so a worker that ends was told to. The workers' own timers run. */
const NO_TIMERS: HostSettings = { execArgv: ['--import', fixture('no-timers.js')] };
/** The host goes on answering calls when its Arbiter has stopped. */
const STAYS: HostSettings = { env: { HOST_STAYS: '1' } };
const CLEAN = { code: 0, signal: null };

const stops = (host: Host): unknown[] => host.of('stop').map(({ args }) => args[0].graceful);
const exits = (host: Host): unknown[] =>
  host.of('worker:exit').map(({ args: [, { code, signal, reason }] }) => ({ code, signal, reason }));

test('term_drains', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { workers: 3, app: fixture('gated.js'), env: gate.env, execArgv: [] }, NO_TIMERS);
  const url = await host.ready();
  const both = [await gate.hold(`${url}/a`), await gate.hold(`${url}/b`)];
  const held = both.map(({ arrival }) => arrival);
  host.kill('SIGTERM');
  // The idle worker leaves at once, the busy ones have been told to as well.
  await host.event('worker:exit');
  assert.deepEqual(
    (await host.workers()).map(({ state }) => state),
    ['draining', 'draining'],
  );
  for (const arrival of held) await arrival.settle();
  for (const arrival of held) arrival.release();
  assert.deepEqual(
    (await Promise.all(both.map(({ answer }) => answer))).map(({ status, body }) => `${status} ${body}`),
    held.map(({ pid, url: path }) => `200 ${pid} ${path}`),
  );
  assert.deepEqual(await host.exited(), CLEAN);
  assert.deepEqual(exits(host), Array(3).fill({ ...CLEAN, reason: 'stop' }));
  assert.deepEqual([stops(host), host.of('stopped').length], [[true], 1]);
});

test('what was answered while it drained is counted', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { workers: 1, app: fixture('gated.js'), env: gate.env }, STAYS);
  const answer = get(`${await host.ready()}/last`);
  const last = await gate.next();
  const stopped = host.call('stop');
  await last.settle();
  last.release();
  await Promise.all([stopped, answer]);
  const { state, totals } = await host.stats();
  assert.deepEqual([state, totals.requests, totals.crashes], ['stopped', 1, 0]);
  const [, exit] = await host.event('worker:exit');
  assert.equal(exit.request, undefined, 'the request was answered');
});

for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
  test(signal === 'SIGINT' ? 'int_is_quick' : 'QUIT is quick', async (t) => {
    const gate = await Gate.open(t);
    const host = new Host(t, { workers: 2, app: fixture('gated.js'), env: gate.env, execArgv: [] }, NO_TIMERS);
    const client = (await RawClient.connect(t, await host.ready())).get('/held');
    await gate.next();
    host.kill(signal);
    // The held request is never let through the gate, and no limit runs out.
    assert.deepEqual(await host.exited(), CLEAN);
    assert.match(await client.all(), /^HTTP\/1\.1 503 Service Unavailable\r\n/);
    assert.deepEqual(exits(host), Array(2).fill({ ...CLEAN, reason: 'stop' }));
    assert.deepEqual(stops(host), [false]);
  });
}

for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
  test(signal === 'SIGINT' ? 'second_int_kills' : 'a second QUIT kills', async (t) => {
    const host = new Host(t, { workers: 2, execArgv: [] }, NO_TIMERS);
    const spinner = await spin(t, host);
    host.kill(signal);
    const [, first] = await host.event('worker:exit');
    assert.deepEqual([first.code, first.signal], [0, null]);
    // The other worker has ended, and the spinning one has not seen its order.
    assert.equal(host.of('worker:exit').length, 1);
    assert.ok(alive(spinner));
    host.kill(signal);
    assert.deepEqual(await host.exited(), CLEAN);
    const [, second] = await host.event('worker:exit', ({ pid }) => pid === spinner);
    assert.deepEqual([second.code, second.signal, second.reason], [null, 'SIGKILL', 'stop']);
    assert.deepEqual(
      host.of('signal').map(({ args }) => args[0]),
      [signal, signal],
    );
  });
}

test('gracefulTimeout ends what does not drain', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { workers: 2, app: fixture('gated.js'), env: gate.env, gracefulTimeout: 2_000 });
  const client = (await RawClient.connect(t, await host.ready())).get('/held');
  const { pid } = await gate.next();
  await host.call('stop');
  assert.match(await client.all(), /^HTTP\/1\.1 503 Service Unavailable\r\n/);
  const [, held] = await host.event('worker:exit', (worker) => worker.pid === pid);
  assert.deepEqual(held, { ...CLEAN, reason: 'stop' });
  const [, idle] = await host.event('worker:exit', (worker) => worker.pid !== pid);
  assert.deepEqual(idle, { ...CLEAN, reason: 'stop' });
  assert.deepEqual(await host.exited(), CLEAN);
});

test('a quick stop does not wait for gracefulTimeout when a worker hangs', async (t) => {
  const host = new Host(t, { workers: 1, gracefulTimeout: 2 ** 31 - 1 });
  const spinner = await spin(t, host);
  await host.call('stop', { graceful: false });
  const [worker, exit] = await host.event('worker:exit');
  assert.deepEqual([worker.pid, exit.signal, exit.reason], [spinner, 'SIGKILL', 'stop']);
});

test('stop is idempotent', async (t) => {
  const host = new Host(t, { workers: 2 }, STAYS);
  await host.ready();
  await Promise.all([host.call('stop'), host.call('stop'), host.call('stop')]);
  await host.call('stop', { graceful: false });
  assert.deepEqual([stops(host), host.of('stopped').length, host.of('worker:exit').length], [[true], 1, 2]);
  assert.deepEqual([await host.call('state'), await host.workers(), await host.call('addresses')], ['stopped', [], []]);
});

test('stop hurries up, and never slows down', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { workers: 1, app: fixture('gated.js'), env: gate.env, execArgv: [] }, NO_TIMERS);
  const client = (await RawClient.connect(t, await host.ready())).get('/held');
  const held = await gate.next();
  const drain = host.call('stop');
  await host.event('stop');
  await held.settle();
  assert.equal(held.held, true);
  await Promise.all([drain, host.call('stop', { graceful: false }), host.call('stop')]);
  assert.match(await client.all(), /^HTTP\/1\.1 503 Service Unavailable\r\n/);
  assert.deepEqual([stops(host), exits(host)], [[true, false], [{ ...CLEAN, reason: 'stop' }]]);
  assert.deepEqual(await host.exited(), CLEAN);
});

test('INT during a TERM ends it', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, { workers: 1, app: fixture('gated.js'), env: gate.env, execArgv: [] }, NO_TIMERS);
  (await RawClient.connect(t, await host.ready())).get('/held');
  const held = await gate.next();
  host.kill('SIGTERM');
  await host.event('stop');
  await held.settle();
  host.kill('SIGINT');
  assert.deepEqual(await host.exited(), CLEAN);
  assert.deepEqual([stops(host), exits(host)], [[true, false], [{ ...CLEAN, reason: 'stop' }]]);
});

test('stop refuses what it does not know, and does nothing', async () => {
  const arbiter = new Arbiter({ app: fixture('app.js'), bind: '127.0.0.1:0' });
  for (const [wrong, message] of [
    [null, "option 'options of stop()': expected a plain object, got null"],
    [3, "option 'options of stop()': expected a plain object, got 3"],
    [
      { gracefull: false },
      "option 'options of stop()': expected none but graceful, got 'gracefull'; did you mean graceful?",
    ],
    [{ graceful: 'no' }, "option 'graceful of stop()': expected true or false, got 'no'"],
    [{ graceful: null }, "option 'graceful of stop()': expected true or false, got null"],
  ] as const) {
    await assert.rejects(arbiter.stop(wrong as never), { code: 'ERR_INVALID_OPTION', message });
  }
  assert.equal(arbiter.state, 'idle');
  // As a listener of a signal calls it: with the name of the signal.
  await arbiter.stop('SIGTERM' as never);
  assert.equal(arbiter.state, 'stopped');
});

test('an Arbiter that was stopped cannot be started', async () => {
  const arbiter = new Arbiter({ app: fixture('app.js'), bind: '127.0.0.1:0' });
  await arbiter.stop();
  await arbiter.stop();
  assert.equal(arbiter.state, 'stopped');
  await assert.rejects(arbiter.start(), { code: 'ERR_STATE' });
  await assert.rejects(arbiter.run(), { code: 'ERR_STATE' });
});

/** Sends a worker into an endless loop; returns its pid. */
async function spin(t: test.TestContext, host: Host): Promise<number> {
  const client = await RawClient.connect(t, await host.ready());
  client.get('/spin');
  let pid: number | undefined;
  await eventually(async () => {
    pid = (await host.stats()).workers.find(({ active }) => active === 1)?.pid;
    return pid !== undefined;
  }, 'a worker that spins');
  return pid as number;
}

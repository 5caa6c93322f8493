import assert from 'node:assert/strict';
import test from 'node:test';
import { Arbiter } from 'prefork';
import { bindTcp } from '../../build/system/socket.js';
import { Connector } from '../helpers/connector.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { eventually } from '../helpers/wait.js';

const FOREVER = 2 ** 31 - 1;
const CLEAN = { code: 0, signal: null };

test('drain_delay: all goes on for so long, then it drains', async (t) => {
  // Long enough for another worker to boot on a busy machine.
  const delay = 6_000;
  const host = new Host(t, { workers: 2, workerClass: 'async', drainDelay: delay, keepAlive: 1_000 });
  const url = await host.ready();
  const kept = (await RawClient.connect(t, url)).get('/');
  await kept.until((received) => received.endsWith('hello'), 'an answer');
  const [victim] = await host.workers();
  const ordered = performance.now();
  host.kill('SIGTERM');
  const [{ graceful }] = await host.event('stop');
  assert.deepEqual([graceful, await host.call('state')], [true, 'stopping']);
  // New connections are served, keep-alive connections are kept, and a worker that dies is replaced.
  process.kill(victim?.pid as number, 'SIGKILL');
  await host.event('worker:ready', ({ age }) => age === 3);
  assert.equal((await get(url)).status, 200);
  assert.deepEqual(
    (await host.workers()).map(({ state }) => state),
    ['ready', 'ready'],
  );
  const second = (await RawClient.connect(t, url)).get('/');
  await second.until((received) => received.endsWith('hello'), 'an answer');
  assert.doesNotMatch(second.received, /connection: close/i);
  assert.deepEqual(await host.exited(), CLEAN);
  assert.ok(performance.now() - ordered >= delay - 1, 'it did not wait');
  assert.equal(host.of('stop').length, 1);
});

for (const [what, hurry] of [
  ['INT', (host: Host) => host.kill('SIGINT')],
  ['stop({ graceful: false })', (host: Host) => void host.call('stop', { graceful: false })],
] as const) {
  test(`drain_delay: ${what} cuts it`, async (t) => {
    const host = new Host(t, { drainDelay: FOREVER });
    const url = await host.ready();
    host.kill('SIGTERM');
    await host.event('stop');
    // A second TERM changes nothing.
    host.kill('SIGTERM');
    await host.until(() => host.of('signal').length === 2, 'a second signal');
    assert.equal((await get(url)).status, 200);
    hurry(host);
    assert.deepEqual(await host.exited(), CLEAN);
  });
}

test('drain_delay: a quick stop skips it', async (t) => {
  const host = new Host(t, { drainDelay: FOREVER });
  await host.ready();
  host.kill('SIGQUIT');
  assert.deepEqual(await host.exited(), CLEAN);
});

test('drain_delay: who has not served yet does not wait', async (t) => {
  const gate = await createLoadGate(t);
  const host = new Host(t, { drainDelay: FOREVER, app: fixture('waits-to-load.js') }, { env: gate.env });
  await eventually(() => gate.waiting === 2, 'two workers that boot');
  host.kill('SIGTERM');
  assert.deepEqual(await host.exited(), CLEAN);
});

test('stop_drains_backlog_zero_reset: what waits at an inherited socket is left to others', async (t) => {
  const socket = bindTcp('127.0.0.1', 0);
  t.after(() => socket.close());
  const gate = await Gate.open(t);
  const start = async (): Promise<Arbiter> => {
    const options = { app: fixture('gated.js'), env: gate.env, workers: 1, signals: false, logger: false } as const;
    const arbiter = new Arbiter({ ...options, bind: { fd: socket.fd } });
    t.after(() => arbiter.stop({ graceful: false }));
    await arbiter.start();
    return arbiter;
  };
  const clients = new Connector(t, { host: '127.0.0.1', port: socket.address?.port as number });
  const first = await start();
  // One client connects first: a worker lets others in while the request of a connection is late.
  await clients.connect();
  const held = await gate.next();
  await Promise.all(Array.from({ length: 19 }, () => clients.connect()));
  const stopped = first.stop();
  await eventually(() => first.workers.every(({ state }) => state === 'draining'), 'a worker that drains');
  await held.settle();
  held.release();
  // The worker has accepted no other connection.
  await stopped;
  assert.equal(gate.arrivals.length, 1);
  await start();
  for (let count = 1; count < 20; count++) (await gate.next()).release();
  assert.deepEqual(await clients.ended(), { answered: 20, refused: 0, reset: 0, hung: 0 }, clients.failures[0]);
});

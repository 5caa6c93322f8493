/* Hosts with several Arbiters: an upgrade is one of the whole process, a stop is one of a single Arbiter. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fixture } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { pace } from '../helpers/pace.js';
import { temporaryFolder } from '../helpers/place.js';
import { gone } from '../helpers/process.js';
import { crowd } from '../helpers/queue.js';
import { gated } from '../helpers/releases.js';
import { Succession } from '../helpers/succession.js';

const A = { name: 'a', workers: 1, app: fixture('app.js') };
const B = { ...A, name: 'b' };

/** The names of the Arbiters of a host that have told of an event. */
const names = (succession: Succession, event: string, pid: number): unknown[] =>
  succession.of(event, pid).map(({ name }) => name);

test('an Arbiter that stops is no part of an upgrade: its descriptors may be those of others by then', async (t) => {
  const path = join(temporaryFolder(t), 'socket');
  const succession = await Succession.start(t, [A, { ...B, bind: `unix:${path}` }]);
  const old = await succession.ready(2);
  const url = await succession.url(old);
  const request = get(`${url}/wait`);
  await succession.until(async () => (await succession.stats(old)).workers[0]?.active === 1, 'a request');
  const [worker] = (await succession.stats(old)).workers;
  const stopped = succession.call(old, 'stop');
  await succession.event('stop', old);
  const { pid: next } = await succession.call(old, 'upgrade', [], 1);
  assert.deepEqual(names(succession, 'upgrade', old), ['b']);
  // The new process has all Arbiters that its script starts.
  await succession.event('ready', next, 2);
  const own = await succession.url(next);
  assert.notEqual(own, url);
  assert.equal((await get(own)).body, 'hello');
  assert.deepEqual(await succession.call(next, 'addresses', [], 1), [path]);
  process.kill(worker?.pid as number, 'SIGUSR2');
  assert.equal((await request).body, `waited ${worker?.pid}`);
  await stopped;
  await succession.end(old);
  await succession.end(next);
  await succession.extinct();
});

test("an Arbiter that is started during an upgrade is nobody else's, whatever it is bound to", async (t) => {
  const gate = await createLoadGate(t);
  gate.open();
  const succession = await Succession.start(t, [{ ...A, app: fixture('waits-to-load.js') }], { env: gate.env });
  const old = await succession.ready();
  gate.close();
  const upgrade = succession.call(old, 'upgrade');
  await succession.until(() => succession.hosts.length === 2 && gate.waiting === 1, 'a worker that waits');
  const index = await succession.call(old, 'another', [{ ...B, logger: false, bind: '127.0.0.1:0' }]);
  const late = /under way that began before this Arbiter was started/;
  await assert.rejects(succession.call(old, 'upgrade', [], index), { code: 'ERR_STATE', message: late });
  process.kill(old, 'SIGUSR2');
  // Arbiter B has no logger, so its error appears as a warning of the process.
  await succession.until(() => late.test(succession.output.replace(/^\{.*$/gm, '')), 'the error of the signal');
  gate.open();
  const { pid: next } = await upgrade;
  assert.deepEqual(names(succession, 'upgrade', old), ['a']);
  const waiting = await crowd(t, succession, old, await succession.url(old, index), index);
  const stopped = succession.call(old, 'stop', [], index);
  assert.deepEqual(await waiting.served(), []);
  await stopped;
  await succession.end(old);
  await succession.end(next);
});

test('where the old host has stopped an Arbiter quickly, the new one serves those who wait there', async (t) => {
  const succession = await Succession.start(t, [A, B]);
  const old = await succession.ready(2);
  const next = await succession.upgrade(old);
  await succession.call(old, 'stop', [{ graceful: false }]);
  const waiting = await crowd(t, succession, next, await succession.url(next));
  process.kill(next, 'SIGTERM');
  assert.deepEqual(await waiting.served(), []);
  await gone(next);
  await succession.end(old);
});

test('a new process may start another Arbiter first, and wait until that serves', async (t) => {
  // This release loads for longer than the time after which a process that starts no more Arbiters counts as one that
  // leaves an address out.
  const app = join(temporaryFolder(t), 'slow.mjs');
  writeFileSync(app, 'export default (request, response) => response.end();');
  const succession = await Succession.start(t, [{ ...A, app }]);
  const old = await succession.ready();
  const slow = "import { setTimeout as delay } from 'node:timers/promises';\nawait delay(1_500);\n";
  writeFileSync(app, `${slow}export default (request, response) => response.end('new');`);
  succession.deploy('precedes');
  const { pid: next } = await succession.call(old, 'upgrade');
  await succession.end(old);
  assert.equal((await get(await succession.url(next))).body, 'new');
});

test('an upgrade that fails by one Arbiter lets the clients of the other one finish', async (t) => {
  const gate = await createLoadGate(t);
  const app = join(temporaryFolder(t), 'app.mjs');
  writeFileSync(app, 'export default (request, response) => response.end();');
  const succession = await Succession.start(t, [A, { ...B, app }], { env: gate.env });
  const old = await succession.ready(2);
  const url = await succession.url(old);
  writeFileSync(app, gated("throw new Error('broken release');"));
  // The new script ends as soon as one of its Arbiters fails.
  succession.deploy('ends');
  const failure = succession.call(old, 'upgrade').then(
    () => assert.fail('the upgrade succeeded'),
    (error) => error,
  );
  await succession.until(() => succession.hosts.length === 2 && gate.waiting === 1, 'a worker that waits');
  const next = succession.newest;
  const { args } = await succession.event('worker:ready', next);
  // Without the old workers, only the new host can serve the request.
  process.kill(old, 'SIGWINCH');
  await succession.until(() => succession.of('worker:exit', old).length === 2, 'the end of the old workers');
  const request = get(`${url}/wait`);
  await succession.until(async () => (await succession.stats(next)).workers[0]?.active === 1, 'a request');
  gate.open();
  await succession.event('worker:error', next);
  await succession.event('stop', next, 2);
  await succession.event('worker:exit', next);
  // If the process ended with that Arbiter, it would not answer so often.
  for (let count = 0; count < 50; count++) assert.equal(await succession.call(next, 'state'), 'stopping');
  process.kill(args[0].pid, 'SIGUSR2');
  assert.equal((await request).body, `waited ${args[0].pid}`);
  const { code, message } = await failure;
  assert.equal(code, 'ERR_UPGRADE_FAILED');
  assert.match(message, /: its Arbiter 'b' failed to start: .*broken release/);
  await gone(next);
});

/**
 * The old host waits for the second Arbiter of the new one. The first one has a request in flight that nobody else can
 * serve.
 */
async function halfDone(t: TestContext) {
  const env = pace({ wordOfThePredecessor: 600_000, controlBind: 600_000 });
  const succession = await Succession.start(t, [A, B], { env });
  const old = await succession.ready(2);
  const url = await succession.url(old);
  succession.deploy('omits');
  const failure = succession.call(old, 'upgrade').then(
    () => assert.fail('the upgrade succeeded'),
    (error) => error,
  );
  await succession.until(() => succession.hosts.length === 2, 'a new host');
  const next = succession.newest;
  await succession.event('ready', next);
  process.kill(old, 'SIGWINCH');
  await succession.until(() => succession.of('worker:exit', old).length === 2, 'the end of the old workers');
  const request = get(`${url}/wait`);
  await succession.until(async () => (await succession.stats(next)).workers[0]?.active === 1, 'a request');
  const [worker] = (await succession.stats(next)).workers;
  const finish = async (): Promise<void> => {
    process.kill(worker?.pid as number, 'SIGUSR2');
    assert.equal((await request).body, `waited ${worker?.pid}`);
  };
  return { succession, old, next, failure, finish };
}

for (const [what, broken] of [
  ['bind', { bind: ['127.0.0.1:0', 'unix:/no/such/folder/socket'] }],
  ['write its pid file', { bind: '127.0.0.1:0', pidFile: '/no/such/folder/pid' }],
  ['open its control', { bind: '127.0.0.1:0', control: 'unix:/no/such/folder/control' }],
] as const) {
  test(`so does one that fails by one that cannot ${what}`, async (t) => {
    const { succession, next, failure, finish } = await halfDone(t);
    const failing = succession.call(next, 'another', [{ ...B, logger: false, ...broken }]).then(
      () => assert.fail('it started'),
      (error) => error,
    );
    await succession.event('stop', next);
    await finish();
    await failing;
    assert.match((await failure).message, /: its Arbiter 'b' failed to start: .*no\/such\/folder/);
    const said = succession.said.filter(({ pid }) => pid === next);
    // A host that ends at this answer then cuts off no client.
    const served = said.findIndex(({ event, name }) => event === 'worker:exit' && name === 'a');
    const told = said.findIndex(({ event, args }) => event === 'answer' && args[2]);
    assert.ok(served !== -1 && served < told, `${served}, ${told}`);
    await gone(next);
  });
}

test('an Arbiter that is stopped while it starts does not wait for the others', async (t) => {
  const { succession, next, finish } = await halfDone(t);
  const folder = temporaryFolder(t);
  const [path, control] = [join(folder, 'socket'), join(folder, 'control')];
  // The other server holds the place of a successor's control socket.
  const other = createServer().listen(`${control}.2`);
  t.after(() => other.close());
  await once(other, 'listening');
  const options = { ...B, logger: false, bind: `unix:${path}`, control: `unix:${control}` };
  const failing = assert.rejects(succession.call(next, 'another', [options]), { code: 'ERR_STATE' });
  await succession.until(() => existsSync(path), 'its socket');
  await succession.call(next, 'stop', [], 1);
  await failing;
  assert.notEqual(await succession.call(next, 'state'), 'stopped');
  await finish();
});

test('an Arbiter that cannot start when the upgrade is over waits for nobody', async (t) => {
  const succession = await Succession.start(t, [A], { env: pace({ wordOfThePredecessor: 600_000 }) });
  const old = await succession.ready();
  const next = await succession.upgrade(old);
  for (const [broken, code] of [
    [{ app: fixture('throws-at-load.js') }, 'ERR_APP_LOAD'],
    [{ control: 'unix:/no/such/folder/control' }, 'ERR_BIND'],
  ] as const) {
    const failing = succession.call(next, 'another', [{ ...B, logger: false, bind: '127.0.0.1:0', ...broken }]);
    // The code tells which error it is: if no answer came in time, that would be an error too, with all that the hosts
    // have said.
    await assert.rejects(failing, { code });
  }
  assert.deepEqual([await succession.call(next, 'state'), await succession.call(old, 'state')], ['running', 'running']);
});

test('a stop of one Arbiter gives an upgrade up, and says which', async (t) => {
  const { succession, old, gate } = await behindGate(t);
  const failure = succession.call(old, 'upgrade', [], 1).then(
    () => assert.fail('the upgrade succeeded'),
    (error) => error,
  );
  await succession.until(() => succession.hosts.length === 2 && gate.waiting === 1, 'a worker that waits');
  await succession.call(old, 'stop');
  const { code, message } = await failure;
  assert.equal(code, 'ERR_UPGRADE_FAILED');
  assert.equal(message, "the upgrade was given up: the Arbiter 'a' of this process was told to stop meanwhile");
  assert.equal(await succession.call(old, 'state', [], 1), 'running');
  assert.equal((await get(await succession.url(old, 1))).body, 'hello');
});

/** The second Arbiter loads when the gate is open. The gate has been open until now. */
async function behindGate(t: TestContext) {
  const gate = await createLoadGate(t);
  gate.open();
  const arbiters = [A, { ...B, app: fixture('waits-to-load.js') }];
  const succession = await Succession.start(t, arbiters, { env: gate.env });
  const old = await succession.ready(2);
  gate.close();
  return { succession, old, gate };
}

test('USR2 while an Arbiter starts waits for that, and is one upgrade', async (t) => {
  const gate = await createLoadGate(t);
  const arbiters = [A, { ...B, app: fixture('waits-to-load.js') }];
  const succession = await Succession.start(t, arbiters, { env: gate.env });
  await succession.until(() => succession.of('ready').length === 1 && gate.waiting === 1, 'one that starts');
  const old = succession.newest;
  process.kill(old, 'SIGUSR2');
  await succession.event('signal', old, 2);
  assert.deepEqual(succession.hosts, [old]);
  gate.open();
  const { args } = await succession.event('upgrade', old, 2);
  assert.deepEqual(succession.hosts, [old, args[0]]);
  assert.deepEqual(succession.of('error'), []);
});

test('USR2 while an Arbiter is starting that fails: the others are upgraded', async (t) => {
  const gate = await createLoadGate(t);
  gate.open();
  const app = join(temporaryFolder(t), 'app.mjs');
  writeFileSync(app, gated("throw new Error('broken');"));
  // Only that failure makes the host look at the signal again.
  const succession = await Succession.start(t, [{ ...A, timeout: 0 }], { env: gate.env });
  const old = await succession.ready();
  gate.close();
  const failing = assert.rejects(succession.call(old, 'another', [{ ...B, app, logger: false, bind: '127.0.0.1:0' }]), {
    code: 'ERR_APP_LOAD',
  });
  await succession.until(() => gate.waiting === 1, 'a worker that waits');
  process.kill(old, 'SIGUSR2');
  await succession.event('signal', old, 2);
  gate.open();
  await failing;
  const { name } = await succession.event('upgrade', old);
  assert.equal(name, 'a');
  assert.deepEqual(succession.of('error'), []);
});

test('USR2 while an Arbiter reloads: an upgrade that has failed is not tried again behind the reload', async (t) => {
  const { succession, old, gate } = await behindGate(t);
  const reload = succession.call(old, 'reload', [], 1);
  await succession.until(() => gate.waiting === 1, 'a worker that waits');
  succession.deploy('throws');
  process.kill(old, 'SIGUSR2');
  await succession.event('error', old, 2);
  assert.deepEqual(names(succession, 'error', old).toSorted(), ['a', 'b']);
  succession.deploy('');
  gate.open();
  await reload;
  const { pid } = await succession.call(old, 'upgrade');
  assert.equal(succession.hosts.length, 3);
  assert.equal(pid, succession.newest);
});

test('of two Arbiters at port 0, one that ends after an upgrade takes nothing from the other', async (t) => {
  const own = { workers: 1, app: fixture('app.js'), bind: '127.0.0.1:0' };
  const succession = await Succession.start(t, [
    { ...own, name: 'one' },
    { ...own, name: 'two' },
  ]);
  const old = await succession.ready(2);
  const next = await succession.upgrade(old);
  await succession.call(next, 'stop');
  const url = await succession.url(old, 1);
  const worker = async (host: number) => (await succession.call(host, 'stats', [], 1)).workers[0];
  const [oldPid, nextPid] = [(await worker(old)).pid, (await worker(next)).pid];
  const held = [1, 2].map(() => get(`${url}/wait`));
  for (const host of [old, next])
    await succession.until(async () => (await worker(host)).active === 1, `a request of ${host}`);
  // This client waits in the queue that both processes have: it is the successor's, which serves on.
  const client = (await RawClient.connect(t, url)).get('/pid');
  const stopped = succession.call(old, 'stop', [], 1);
  await succession.until(async () => (await worker(old))?.state === 'draining', 'the drain');
  process.kill(oldPid, 'SIGUSR2');
  await stopped;
  process.kill(nextPid, 'SIGUSR2');
  assert.ok((await client.all()).endsWith(`\r\n\r\n${nextPid}`), client.received);
  for (const answer of held) assert.equal((await answer).status, 200);
});

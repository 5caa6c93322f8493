import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { FailingSlot } from 'prefork';
import { BACKOFF } from '../../build/backoff.js';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { freePort, temporaryFolder } from '../helpers/place.js';

keepHosts();

/** The window of the promise about spawns, in milliseconds. */
const WINDOW = 30_000;

/** Names of all events of a slot since the event with this number, `degraded` and `recovered` included. */
function story(host: Host, id: number, since: number): string[] {
  return host.events
    .slice(since)
    .filter(({ event, args: [of] }) => /^(?:degraded|recovered)$/.test(event) || of === id || of?.id === id)
    .map(({ event }) => event);
}

test('crash_loop_backs_off', async (t) => {
  const broken = join(temporaryFolder(t), 'broken');
  const options = { workers: 2, workerClass: 'async', keepAlive: 60_000, app: fixture('crash-loop.js') };
  const host = new Host(t, options, { env: { BROKEN: broken } });
  const url = await host.ready();
  const [victim, sibling] = (await host.workers()).map(({ pid }) => pid as number) as [number, number];
  const client = await connectedTo(t, url, sibling);
  writeFileSync(broken, '');
  const before = host.events.length;
  process.kill(victim, 'SIGKILL');

  // The window begins at the first worker that is broken.
  await host.event('worker:spawn', ({ age }) => age === 3);
  const end = performance.now() + WINDOW;
  // The sibling serves, whatever becomes of the other worker.
  for (let answers = 2; performance.now() < end; answers++) {
    await client.get('/').until((text) => pidsIn(text).length === answers, `answer ${answers}`);
    await delay(100);
  }
  assert.deepEqual(new Set(pidsIn(client.received)), new Set([String(sibling)]));
  const spawns = (): number[] => host.of('worker:spawn').flatMap(({ args: [{ id, age }] }) => (age >= 3 ? [id] : []));
  assert.ok(spawns().length <= 25, `${spawns().length} spawns`);
  // It is not given up. On a busy machine, each boot takes its time.
  await host.until(() => spawns().length >= 5, 'five spawns');
  assert.deepEqual(new Set(spawns()), new Set([1]), 'another slot was spawned');
  const exits = host.of('worker:exit').slice(1);
  for (const { args } of exits) assert.deepEqual([args[1].code, args[1].reason], [1, 'crash']);
  const { degraded, failing } = await host.stats();
  const slots = failing.map(({ id, failures }) => [id, failures]);
  const deaths = host.of('worker:exit').length;
  assert.deepEqual([degraded, slots], [true, [[1, deaths]]]);
  for (const { args } of host.of('worker:backoff')) assert.ok(args[1].delay <= BACKOFF.crash.max, `${args}`);
  assert.deepEqual([host.of('degraded').length, host.of('recovered').length], [1, 0]);

  // The slot recovers by itself, within the longest wait: with one more attempt, or two if an attempt under way had
  // still seen the cause.
  rmSync(broken);
  const [spawned, mark] = [host.of('worker:spawn').length, host.events.length];
  await host.event('recovered');
  assert.ok(host.of('worker:spawn').length <= spawned + 2, host.log);
  assert.deepEqual(story(host, 1, mark).slice(-2), ['worker:ready', 'recovered']);
  assert.deepEqual(story(host, 1, before).slice(0, 4), ['worker:exit', 'worker:spawn', 'worker:ready', 'worker:error']);
  const after = await host.stats();
  assert.deepEqual([after.degraded, after.failing], [false, []]);
  assert.deepEqual(
    after.workers.map(({ pid, state }) => [pid === sibling, state]),
    [
      [true, 'ready'],
      [false, 'ready'],
    ],
  );
  assert.equal(client.closed, false);
});

test('dependency_outage_recovers', async (t) => {
  const dependency = new Dependency(await freePort(t));
  t.after(() => dependency.down());
  await dependency.up();
  const options = { workers: 2, app: fixture('depends.js') };
  const host = new Host(t, options, { env: { DEPENDENCY: String(dependency.port) } });
  const url = await host.ready();
  const first = await host.workers();

  await dependency.down();
  const [failing] = (await host.event('degraded')) as [FailingSlot[]];
  assert.ok(
    failing.some(({ failures }) => failures === 2),
    JSON.stringify(failing),
  );
  // A client that comes meanwhile is not refused: it waits in the accept queue.
  const answer = get(`${url}/pid`);
  for (const id of [1, 2]) {
    const [, { failures }] = await host.event('worker:backoff', (of, backoff) => of === id && backoff.failures >= 4);
    assert.equal(failures, 4);
  }
  const stats = await host.stats();
  assert.deepEqual([stats.state, stats.degraded, stats.failing.map(({ id }) => id)], ['running', true, [1, 2]]);
  for (const { failures, nextAttempt } of stats.failing) {
    assert.ok(failures >= 4);
    if (nextAttempt !== undefined) assert.ok(nextAttempt <= Date.now() + BACKOFF.boot.max);
  }
  const errors = host.of('worker:error').map(({ args: [{ age }, error] }) => [age, error.code, error.message]);
  assert.deepEqual(
    errors.filter(([age]) => age <= 2).map(([, , message]) => message),
    Array(2).fill('the dependency is gone'),
  );
  for (const [age, code] of errors) assert.equal(code, age <= 2 ? undefined : 'ERR_APP_LOAD');

  await dependency.up();
  await host.event('recovered');
  const { status, body } = await answer;
  const now = await host.stats();
  assert.deepEqual([status, now.workers.some(({ pid }) => String(pid) === body)], [200, true]);
  assert.deepEqual([now.degraded, now.failing, now.workers.map(({ state }) => state)], [false, [], ['ready', 'ready']]);
  assert.ok(!now.workers.some(({ pid }) => first.some((worker) => worker.pid === pid)));
  for (const event of ['degraded', 'recovered']) assert.equal(host.of(event).length, 1, event);
  for (const event of ['rejected', 'stop', 'stopped']) assert.equal(host.of(event).length, 0, event);
});

test('a slot that fails once is not degraded, nor is one that is not wanted any more', async (t) => {
  const broken = join(temporaryFolder(t), 'broken');
  const host = new Host(t, { workers: 2, app: fixture('broken-while.js') }, { env: { BROKEN: broken } });
  await host.ready();
  const kill = async (index: number): Promise<void> => {
    process.kill((await host.workers())[index]?.pid as number, 'SIGKILL');
  };
  await kill(1);
  await host.event('worker:ready', ({ age }) => age === 3);
  const { degraded, failing } = await host.stats();
  assert.deepEqual([degraded, failing], [false, [{ id: 2, failures: 1 }]]);

  writeFileSync(broken, '');
  await kill(1);
  const [[slot]] = (await host.event('degraded')) as [[FailingSlot]];
  assert.equal(slot.id, 2);
  await host.call('scale', 1);
  await host.event('recovered');
  const stats = await host.stats();
  assert.deepEqual([stats.degraded, stats.failing], [false, []]);
});

/** The bodies of these answers, which are pids. A pid may arrive in two parts, but its length arrives first. */
function pidsIn(answers: string): string[] {
  return [...answers.matchAll(/\r\nContent-Length: (\d+)\r\n\r\n(\d+)/g)].flatMap(([, length, pid = '']) =>
    pid.length === Number(length) ? [pid] : [],
  );
}

/** A client whose connection is held by the worker with that pid, and which has been answered once. */
async function connectedTo(t: TestContext, url: string, pid: number): Promise<RawClient> {
  for (let tries = 0; tries < 200; tries++) {
    const client = (await RawClient.connect(t, url)).get('/');
    await client.until((text) => pidsIn(text).length === 1, 'an answer');
    if (pidsIn(client.received)[0] === String(pid)) return client;
    client.leave();
  }
  throw new Error(`no connection of 200 was accepted by ${pid}`);
}

/** A server that the application depends on, which can be up or down. */
class Dependency {
  readonly port: number;
  readonly #clients = new Set<Socket>();
  #server: Server | undefined;

  constructor(port: number) {
    this.port = port;
  }

  async up(): Promise<void> {
    this.#server = createServer((socket) => {
      this.#clients.add(socket);
      socket.on('error', () => undefined).on('close', () => this.#clients.delete(socket));
    }).listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    server.close();
    for (const client of this.#clients) client.destroy();
    await once(server, 'close');
  }
}

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fixture, Host } from '../helpers/host.js';
import { RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

/** The exit of the worker with this age, as its event reported it. */
async function exitOf(host: Host, age: number): Promise<unknown> {
  const [, exit] = await host.event('worker:exit', (worker) => worker.age === age);
  return exit;
}

test('each_reason_reported', async (t) => {
  const boot = new BootSwitch(t);
  const host = new Host(t, { workers: 2, app: fixture('boots-as-told.js'), env: boot.env, bootTimeout: 5_000 });
  const url = await host.ready();
  const pidOf = async (age: number): Promise<number> => (await host.event('worker:ready', (w) => w.age === age))[0].pid;

  await host.call('scale', 1);
  assert.deepEqual(await exitOf(host, 1), { code: 0, signal: null, reason: 'scale' });

  // A TERM from somebody else is an order too; the arbiter still wants a worker.
  process.kill(await pidOf(2), 'SIGTERM');
  assert.deepEqual(await exitOf(host, 2), { code: 0, signal: null, reason: 'stop' });

  // An exit that nobody ordered is a crash, whatever its code.
  for (const [age, code] of [
    [3, 0],
    [4, 7],
  ] as const) {
    await pidOf(age);
    (await RawClient.connect(t, url)).get(`/exit?code=${code}`);
    const { request, ...exit } = (await exitOf(host, age)) as { request: { method: string; url: string } };
    assert.deepEqual(exit, { code, signal: null, reason: 'crash' });
    assert.deepEqual([request.method, request.url], ['GET', `/exit?code=${code}`]);
  }

  await pidOf(5);
  boot.tell('throw');
  process.kill(await pidOf(5), 'SIGKILL');
  assert.deepEqual(await exitOf(host, 5), { code: null, signal: 'SIGKILL', reason: 'crash' });
  assert.deepEqual(await exitOf(host, 6), { code: 4, signal: null, reason: 'boot' });
  const [, failure] = await host.event('worker:error', (worker) => worker.age === 6);
  assert.deepEqual([failure.code, failure.cause.message], ['ERR_APP_LOAD', 'told to throw']);

  boot.tell('hang');
  const [late, timeout] = await host.event('worker:timeout');
  assert.deepEqual([timeout.clock, timeout.answered], ['boot', false]);
  // The event loop of this worker turns, so it ends by itself, before the master would end it.
  assert.deepEqual(await exitOf(host, late.age), { code: 1, signal: null, reason: 'timeout' });

  boot.tell('serve');
  const [last] = await host.event('worker:ready', (worker) => worker.age > late.age);
  await host.call('stop');
  assert.deepEqual(await exitOf(host, last.age), { code: 0, signal: null, reason: 'stop' });
  // Each worker that was spawned has ended once.
  const ages = host.of('worker:exit').map(({ args }) => args[0].age);
  assert.deepEqual(
    ages,
    [...Array(last.age).keys()].map((index) => index + 1),
  );
});

test('a worker that is told to quit by somebody else ends for stop and is replaced', async (t) => {
  const host = new Host(t, { workers: 1 });
  await host.ready();
  const [worker] = await host.workers();
  process.kill(worker?.pid as number, 'SIGQUIT');
  assert.deepEqual(await exitOf(host, 1), { code: 0, signal: null, reason: 'stop' });
  await host.event('worker:ready', ({ age }) => age === 2);
  const { crashes, respawns } = (await host.stats()).totals;
  assert.deepEqual([crashes, respawns], [0, 1]);
});

/** Tells workers that boot later what to do. */
class BootSwitch {
  readonly #file: string;
  readonly env: Record<string, string>;

  constructor(t: TestContext) {
    const folder = mkdtempSync(join(tmpdir(), 'prefork-test-'));
    t.after(() => rmSync(folder, { recursive: true }));
    this.#file = join(folder, 'boot');
    this.env = { BOOT: this.#file };
    this.tell('serve');
  }

  tell(what: 'serve' | 'throw' | 'hang'): void {
    writeFileSync(this.#file, what);
  }
}

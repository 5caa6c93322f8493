import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import test, { describe, type TestContext } from 'node:test';
import { amount } from '../helpers/amount.js';
import { CLASSES } from '../helpers/classes.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { Load } from '../helpers/load.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { assertNobodyTimedOut, passing } from '../helpers/passing.js';
import { temporaryFolder } from '../helpers/place.js';
import { eventually, inTime } from '../helpers/wait.js';

/*
 * What might look like a worker that hangs, and is not. Without a watchdog the master has the least patience.
 */

keepHosts();

const TIMEOUT = 400;
/** The pause of clients that only need to be there. */
const PAUSE = 150;
/** Rounds of the tests that stop the master, or all processes. */
const ROUNDS = amount({ suite: 2, long: 3 });

function impatient(t: TestContext, options: HostOptions = {}, execArgv: string[] = []): Host {
  const all = { workers: 2, app: fixture('stands-still.js'), timeout: TIMEOUT, watchdog: false, ...options };
  return new Host(t, all, { cwd: temporaryFolder(t), execArgv });
}

/** Ends the load, and asserts that nothing went wrong. */
async function assertUndisturbed(host: Host, load: Load): Promise<void> {
  await load.stop();
  assert.deepEqual(load.failures, []);
  await assertNobodyTimedOut(host);
}

describe('idle workers', { concurrency: true }, () => {
  for (const workerClass of CLASSES) {
    test(`idle_never_killed: ${workerClass}`, async (t) => {
      const host = impatient(t, { workers: 1, workerClass, timeout: 200 });
      const url = await host.ready();
      await passing(host, 20 * 200);
      assert.equal((await get(url)).status, 200);
      await assertNobodyTimedOut(host);
    });
  }
});

describe('a master that is stopped', { concurrency: true }, () => {
  for (const [watchdog, stop] of [
    [false, 3 * TIMEOUT],
    // Also longer than the grace.
    [true, 3 * TIMEOUT + 1_500],
  ] as const) {
    test(`master_sigstop_sigcont_no_massacre: ${watchdog ? 'with' : 'without'} a watchdog`, async (t) => {
      const host = impatient(t, { watchdog });
      const load = new Load(t, await host.ready(), 4, PAUSE);
      await load.more(20);
      for (let round = 0; round < ROUNDS; round++) {
        host.kill('SIGSTOP');
        const end = performance.now() + stop;
        while (performance.now() < end) await load.more(4);
        host.kill('SIGCONT');
        await passing(host, 2 * TIMEOUT);
      }
      await assertUndisturbed(host, load);
    });
  }
});

test('a container that is paused, in the midst of long requests, loses nobody', async (t) => {
  const host = impatient(t, { timeout: 1_000 });
  const url = await host.ready();
  const load = new Load(t, `${url}/works?ms=200`, 2);
  await load.more(2);
  for (let round = 0; round < ROUNDS; round++) {
    // The processes cannot be stopped all at once. The master is first and continues last, so that no worker is stopped
    // while it runs.
    const all = [host.pid, ...host.workerPids];
    for (const pid of all) process.kill(pid, 'SIGSTOP');
    await paused(5_000);
    for (const pid of all.reverse()) process.kill(pid, 'SIGCONT');
    await load.more(2);
  }
  await assertUndisturbed(host, load);
});

/** Really waits: nothing can tell a test that time has passed for processes that are stopped. */
function paused(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

test('a worker that boots while the master is stopped has not been late', async (t) => {
  const gate = await createLoadGate(t);
  const options = { workers: 1, app: fixture('waits-to-load.js'), bootTimeout: 4_000, watchdog: false };
  const host = new Host(t, options, { env: gate.env });
  const [{ pid }] = await host.event('worker:spawn');
  await eventually(() => gate.waiting === 1, 'a worker that boots');
  host.kill('SIGSTOP');
  gate.open();
  await paused(5_000);
  host.kill('SIGCONT');
  assert.equal((await get(`${await host.ready()}/pid`)).body, String(pid));
  await assertNobodyTimedOut(host);
});

test('starved_cpu_not_killed', async (t) => {
  // The load lasts as long as a heavy request takes to end, and longer.
  const { heavies, seconds } = amount({ suite: { heavies: 3, seconds: 0 }, long: { heavies: 3, seconds: 30 } });
  const host = impatient(t, { workers: 4, timeout: 1_200 });
  const url = await host.ready();
  starve(t, 8);
  // 0.4 s of CPU time, which now take longer than the timeout.
  const heavy = new Load(t, `${url}/works?ms=400`, 3);
  const light = new Load(t, url, 4);
  await Promise.all([heavy.more(heavies), light.more(20), ...(seconds > 0 ? [passing(host, 1_000 * seconds)] : [])]);
  await Promise.all([heavy.stop(), light.stop()]);
  t.diagnostic(`${heavy.answered} heavy requests and ${light.answered} light ones`);
  await assertUndisturbed(host, heavy);
  await assertUndisturbed(host, light);
});

/** Keeps the CPUs busy until the test ends. */
function starve(t: TestContext, loops: number): void {
  const children = Array.from({ length: loops }, () => spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }));
  t.after(() => {
    for (const child of children) child.kill('SIGKILL');
  });
}

test('clock_jump', async (t) => {
  const host = impatient(t, {}, ['--import', fixture('jumping-clock.js')]);
  const url = await host.ready();
  const load = new Load(t, url, 4, PAUSE);
  await passing(host, 10 * TIMEOUT);
  await assertUndisturbed(host, load);
  // The jump of the clock does not save a worker that hangs either.
  (await RawClient.connect(t, url)).get('/spins');
  const [, { elapsed }] = await host.event('worker:timeout');
  assert.ok(elapsed > TIMEOUT && elapsed < 10 * TIMEOUT, `${elapsed} ms`);
  await inTime(
    host.event('worker:ready', ({ age }) => age === 3),
    'the replacement',
  );
});

/* Time in which a whole container, or one worker, was stopped counts for no request and for no boot. */
import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import { CLASSES, classes } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { assertNobodyTimedOut, passing } from '../helpers/passing.js';
import { BOOT, LIMIT, STOPPED, stopAll } from '../helpers/stops.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/** These tests mostly wait: while other processes are stopped, there is nothing to do. */
describe('at the same time', { concurrency: 4 }, () => {
  for (const { name, options } of classes(2)) {
    for (const watchdog of [true, false]) {
      test(`a request that waits while all is stopped has its time: ${name}, ${watchdog ? 'with' : 'without'} a watchdog`, async (t) => {
        const app = fixture('works-in-slices.js');
        const host = new Host(t, { ...options, workers: 1, timeout: LIMIT, watchdog, app });
        const url = await host.ready();
        const [worker] = await host.workers();
        // It still waits when it goes on, and all who watch look at their clocks.
        const answer = get(`${url}/waits?ms=${(2 * LIMIT) / 3}`);
        await host.until(() => host.log.includes('works\n'), 'a request that waits');
        // Only a watchdog notices a stop that hits the code of the request. Without one, let that code run first.
        if (!watchdog) await passing(host, LIMIT / 5);
        await stopAll([host.pid, worker?.pid as number]);
        const { status, body } = await answer;
        assert.deepEqual([status, body], [200, `worked ${worker?.pid}`], host.log);
        // The request does not time out later either.
        await passing(host, LIMIT / 5);
        await assertNobodyTimedOut(host);
      });
    }
  }

  for (const { name, options } of classes(1)) {
    test(`a request whose calculation is stopped has its time, as those who watch have counted it: ${name}`, async (t) => {
      const host = new Host(t, { ...options, workers: 1, timeout: LIMIT, app: fixture('works-in-slices.js') });
      const url = await host.ready();
      const [worker] = await host.workers();
      for (let round = 0; round < 2; round++) {
        const answer = get(`${url}/?ms=${LIMIT / 2}`);
        await host.until(() => host.log.split('works\n').length > round + 1, 'a request at work');
        await stopAll([host.pid, worker?.pid as number]);
        const { status, body } = await answer;
        // The report says whose clock it was, and how much time the request has had.
        const report = status === 200 ? [] : await host.event('worker:timeout');
        assert.deepEqual([status, body, report], [200, `worked ${worker?.pid}`, []], host.log);
      }
      await assertNobodyTimedOut(host);
    });
  }

  for (const workerClass of CLASSES) {
    test(`a boot during which all is stopped has its time, and so has the reload: ${workerClass}`, async (t) => {
      const gate = await createLoadGate(t);
      const host = new Host(
        t,
        { workerClass, workers: 1, bootTimeout: BOOT.limit, ...(workerClass === 'threaded' && { threads: 2 }) },
        { entry: 'gated-script.js', env: gate.env },
      );
      for (const generation of [1, 2]) {
        if (generation === 2) host.call('reload').catch(() => undefined);
        const [{ pid }] = await host.event('worker:spawn', (worker) => worker.generation === generation);
        await eventually(() => gate.waits(pid), 'a worker that boots');
        await stopAll([host.pid, pid], BOOT.stopped);
        gate.admit(pid);
        await host.event('worker:ready', (worker) => worker.generation === generation);
      }
      await host.event('reloaded');
      assert.deepEqual([host.of('worker:timeout'), host.of('worker:error')], [[], []]);
    });
  }

  test('a worker that hangs, is stopped alone and goes on: its watchdog comes before the master', async (t) => {
    const host = new Host(t, { workers: 1, timeout: LIMIT, app: fixture('hangs.js') });
    const url = await host.ready();
    const [worker] = await host.workers();
    const answer = get(`${url}/says-and-spins`);
    await host.until(() => host.log.includes('spins\n'), 'a request that spins');
    // The stop alone is shorter than the wait of the master. Together with the rest of the request's time it is longer.
    await stopAll([worker?.pid as number], 2 * LIMIT);
    assert.equal((await answer).status, 504);
    const [, { hung, stack, answered }] = await host.event('worker:timeout');
    assert.deepEqual([hung, answered], ['javascript', true]);
    assert.match(stack, /at spinForEver /);
    const [, { signal }] = await host.event('worker:exit');
    assert.equal(signal, 'SIGKILL');
  });

  test('a request that never ends is ended also when it was stopped meanwhile, and a boot likewise', async (t) => {
    const [gate, requests] = [await createLoadGate(t), await Gate.open(t)];
    const host = new Host(
      t,
      { workers: 1, timeout: LIMIT, bootTimeout: LIMIT, app: fixture('gated-after-load.js') },
      { env: { ...requests.env, LOAD_GATE: gate.env.GATE } },
    );
    await eventually(() => gate.waiting === 1, 'a worker that boots');
    gate.open();
    const url = await host.ready();
    const before = Date.now() - 1;
    const { arrival, answer } = await requests.hold(url);
    const stopped = Date.now() + 1;
    await stopAll([host.pid, arrival.pid]);
    assert.equal((await answer).status, 504);
    const [, { clock, elapsed, request }] = await host.event('worker:timeout');
    assert.equal(clock, 'request');
    // Time that did not count does not move the start of the request.
    assert.ok(before <= request.startedAt && request.startedAt <= stopped, `${request.startedAt - before} ms`);
    assert.ok(elapsed >= LIMIT && elapsed < STOPPED, `${elapsed} ms`);
    gate.close();
    const reload = host.call('reload').catch((error: { code: string }) => error.code);
    await eventually(() => gate.waiting > 0, 'a worker that boots');
    const booting = host.of('worker:spawn').at(-1)?.args[0].pid;
    await stopAll([host.pid, booting]);
    assert.equal(await reload, 'ERR_RELOAD_FAILED');
    gate.open();
  });
});

import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { Program } from '../helpers/program.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const app = fixture('reopens.js');
const told = (host: Host): number[] => host.of('worker:message').map(({ args: [worker] }) => worker.pid);
const byNumber = (a: number, b: number): number => a - b;

for (const workerClass of ['sync', 'async'] as const) {
  test(`usr1_forwarded: the applications of all ready workers hear of it, class ${workerClass}`, async (t) => {
    const host = new Host(t, { app, workers: 3, workerClass }, { env: { HAS_LOGS: '1' } });
    await host.ready();
    for (let round = 1; round <= 3; round++) {
      host.kill('SIGUSR1');
      await host.until(() => told(host).length === 3 * round, `all workers, ${round} times`);
    }
    const pids = host.workerPids.flatMap((pid) => [pid, pid, pid]);
    assert.deepEqual(told(host).toSorted(byNumber), pids.toSorted(byNumber));
    assert.deepEqual(
      host.of('signal').map(({ args }) => args),
      [['SIGUSR1'], ['SIGUSR1'], ['SIGUSR1']],
    );
    assert.equal(host.of('worker:exit').length, 0);
    assert.doesNotMatch(host.log, /Debugger/);
  });
}

test('usr1_forwarded: the applications of all threads hear of it', async (t) => {
  const options = { app, workers: 2, workerClass: 'threaded', threads: 3 };
  const host = new Host(t, options, { env: { HAS_LOGS: '1' } });
  await host.ready();
  for (let round = 1; round <= 2; round++) {
    host.kill('SIGUSR1');
    await host.until(() => told(host).length === 6 * round, `all threads, ${round} times`);
  }
  const pids = host.workerPids.flatMap((pid) => Array.from({ length: 6 }, () => pid));
  assert.deepEqual(told(host).toSorted(byNumber), pids.toSorted(byNumber));
});

test('usr1_forwarded: an application that does not listen gets no inspector', async (t) => {
  const host = new Host(t, { app, workers: 1 });
  const url = await host.ready();
  for (let round = 0; round < 3; round++) {
    // The signal goes to the worker itself too, as `systemctl kill` sends it to all.
    for (const pid of [host.pid, host.workerPids[0] as number]) process.kill(pid, 'SIGUSR1');
    await host.until(() => host.of('signal').length === round + 1, 'the signal');
    const { pid, listeners, inspector } = JSON.parse((await get(url)).body);
    assert.deepEqual([pid, listeners, inspector], [host.workerPids[0], 1, 'closed']);
  }
  assert.doesNotMatch(host.log, /Debugger/);
});

test('usr1_forwarded: one that is not ready yet is left alone, and a direct signal does not hurt it', async (t) => {
  const gate = await createLoadGate(t);
  const host = new Host(t, { app: fixture('waits-to-load.js'), workers: 2 }, { env: gate.env });
  await host.until(() => host.of('worker:spawn').length === 2, 'two workers');
  await eventually(() => gate.waiting === 2, 'two workers that load');
  host.kill('SIGUSR1');
  await host.event('signal');
  for (const pid of host.workerPids) process.kill(pid, 'SIGUSR1');
  gate.open();
  await host.ready();
  assert.equal(host.of('worker:exit').length, 0);
  assert.doesNotMatch(host.log, /Debugger/);
});

/** A host with one of the loggers of `logging-host`, which has got USR1. */
async function reopen(t: TestContext, logger: string): Promise<Program> {
  const options = { app: fixture('app.js'), bind: '127.0.0.1:0', workers: 1 };
  const args = [fixture('logging-host.js'), JSON.stringify(options), logger];
  const program = new Program(t, process.execPath, args);
  await program.printed(/^serves/m);
  process.kill(program.pid, 'SIGUSR1');
  await program.printed(/got SIGUSR1/);
  return program;
}

async function stop(program: Program): Promise<void> {
  process.kill(program.pid, 'SIGTERM');
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
}

test('usr1_reopens_the_log: a logger with a method for it', async (t) => {
  const program = await reopen(t, 'reopening');
  await program.printed(/^reopened for SIGUSR1$/m);
  await stop(program);
  assert.equal(program.output.match(/reopened/g)?.length, 1);
});

test('usr1_reopens_the_log: a logger without one, and the built-in', async (t) => {
  for (const logger of ['own', 'pino', 'console', 'built-in']) {
    const program = await reopen(t, logger);
    await stop(program);
    assert.doesNotMatch(program.output, /threw|Debugger/);
  }
});

test('usr1_reopens_the_log: a logger that fails to is reported, and ends nothing', async (t) => {
  for (const logger of ['not reopening', 'not reopening later']) {
    const program = await reopen(t, logger);
    await program.printed(/ArbiterError: the logger threw: Error: the disk is full/);
    await stop(program);
  }
});

import assert from 'node:assert/strict';
import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Hold } from '../helpers/hold.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { NotifySocket, noNotifications } from '../helpers/notify-socket.js';
import { temporaryFolder } from '../helpers/place.js';
import { childrenOf, gone, kill } from '../helpers/process.js';
import { Program } from '../helpers/program.js';
import { eventually } from '../helpers/wait.js';

const skip = noNotifications;
const WATCHDOG = 'WATCHDOG=1';

test('watchdog_notify', { skip }, async (t) => {
  const [manager, others] = [await NotifySocket.open(t), await NotifySocket.open(t)];
  // Half of it is 100 ms.
  const watchdog = { WATCHDOG_USEC: '200000' };
  const host = new Host(t, {}, { env: { ...manager.env, ...watchdog }, entry: 'blocked-host.js' });
  const other = new Host(t, { workers: 1 }, { env: { ...others.env, ...watchdog } });
  const url = await host.ready();
  await other.ready();
  const more = async (of: NotifySocket, count: number): Promise<void> => {
    const goal = of.count(WATCHDOG) + count;
    await eventually(() => of.count(WATCHDOG) >= goal, `${goal} signs of life`);
  };
  await more(manager, 5);
  // The master hangs, its workers serve: nobody may say that all is well.
  const hold = new Hold(t);
  host.child.send({ block: hold.query });
  await hold.begun();
  const before = manager.count(WATCHDOG);
  for (let count = 0; count < 20; count++) assert.equal((await get(url)).body, 'hello');
  // As much time has passed as another master takes for so many.
  await more(others, 20);
  const told = manager.count(WATCHDOG) - before;
  // A notification that was under way when the master began to hang may have come late.
  assert.ok(told <= 1, `${told} while the master hung`);
  hold.free();
  await more(manager, 10);
  host.kill('SIGTERM');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
  assert.deepEqual(
    manager.states.filter((state) => state !== WATCHDOG),
    ['READY=1', 'STOPPING=1'],
  );
});

test('watchdog_notify: the watchdog of another process, and none', { skip }, async (t) => {
  for (const env of [{ WATCHDOG_USEC: '20000', WATCHDOG_PID: String(process.pid) }, {}]) {
    const manager = await NotifySocket.open(t);
    const host = new Host(t, { workers: 1 }, { env: { ...manager.env, ...env } });
    await manager.told(/READY=1/);
    host.kill('SIGTERM');
    await host.exited();
    assert.deepEqual(manager.states, ['READY=1', 'STOPPING=1']);
  }
});

test('watchdog_notify: after an upgrade the new master speaks, and feeds the watchdog', { skip }, async (t) => {
  const manager = await NotifySocket.open(t);
  const options = { app: fixture('app.js'), bind: '127.0.0.1:0', workers: 1 };
  // WATCHDOG_PID as systemd sets it for the process that it starts: exec keeps the pid of the shell.
  const args = [
    '-c',
    'WATCHDOG_PID=$$ exec "$0" "$@"',
    process.execPath,
    fixture('logging-host.js'),
    JSON.stringify(options),
  ];
  const env = { ...process.env, ...manager.env, WATCHDOG_USEC: '200000' };
  const old = new Program(t, '/bin/sh', args, { env });
  await old.printed(/^serves/m);
  await manager.told(/WATCHDOG=1/);
  process.kill(old.pid, 'SIGUSR2');
  const successor = Number((await manager.told(/MAINPID=(\d+)/))[1]);
  t.after(() => kill(successor));
  process.kill(old.pid, 'SIGTERM');
  await old.printed(/"event":"stopped"/);
  const before = manager.count(WATCHDOG);
  await eventually(() => manager.count(WATCHDOG) >= before + 5, 'signs of life of the new master');
  // The stop of the old master was not that of the service. Which of the two spoke first does not matter.
  assert.deepEqual(manager.states.filter((state) => state !== WATCHDOG).toSorted(), [
    `MAINPID=${successor}`,
    ...['READY=1', 'READY=1'],
  ]);
  process.kill(successor, 'SIGTERM');
  await manager.told(/STOPPING=1/);
  await gone(successor);
});

test('READY=1 comes when all workers are ready, and STATUS says how they are', { skip }, async (t) => {
  const manager = await NotifySocket.open(t);
  const gate = await createLoadGate(t);
  const env = { ...manager.env, ...gate.env };
  const host = new Host(t, { app: fixture('waits-to-load.js') }, { env });
  await manager.told(/STATUS=starting, 0 of 2 workers ready, generation 1$/);
  assert.deepEqual(manager.states, []);
  gate.open();
  await manager.told(/READY=1\|STATUS=running, 2 of 2 workers ready, generation 1$/);
  await host.event('ready');
  host.kill('SIGTTIN');
  await manager.told(/STATUS=running, 3 of 3 workers ready, generation 1$/);
  host.kill('SIGINT');
  await host.exited();
  assert.deepEqual(manager.states, ['READY=1', 'STOPPING=1']);
});

test('a reload by HUP is told from its beginning to its end, also one that fails', { skip }, async (t) => {
  const manager = await NotifySocket.open(t);
  const broken = join(temporaryFolder(t), 'broken');
  const env = { ...manager.env, BROKEN: broken };
  const host = new Host(t, { app: fixture('broken-while.js') }, { env });
  await host.ready();
  host.kill('SIGHUP');
  await manager.told(/READY=1\|STATUS=running, 2 of 2 workers ready, generation 2$/);
  writeFileSync(broken, '');
  host.kill('SIGHUP');
  await manager.told(
    /READY=1\|STATUS=running, 2 of 2 workers ready, generation \d; the last reload failed: .*deploy is broken/,
  );
  host.kill('SIGTERM');
  await host.exited();
  assert.deepEqual(
    manager.states.map((state) => state.replace(/\d{5,}/, 'N')),
    ['READY=1', ...Array(2).fill(['RELOADING=1,MONOTONIC_USEC=N', 'READY=1']).flat(), 'STOPPING=1'],
  );
});

test('a failing slot is in the STATUS', { skip }, async (t) => {
  const manager = await NotifySocket.open(t);
  const broken = join(temporaryFolder(t), 'broken');
  const env = { ...manager.env, BROKEN: broken };
  const host = new Host(t, { app: fixture('broken-while.js') }, { env });
  const url = await host.ready();
  writeFileSync(broken, '');
  await get(`${url}/exit?code=0`);
  await manager.told(/STATUS=running, 1 of 2 workers ready, generation 1; degraded: workers #\d fail again and again$/);
});

test('a stop by the host itself is not the end of the service', { skip }, async (t) => {
  const manager = await NotifySocket.open(t);
  // This host runs three Arbiters, one after another, and goes on.
  const host = new Host(t, { workers: 1 }, { env: manager.env, entry: 'counts-what-is-left.js' });
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
  assert.deepEqual(manager.states, ['READY=1', 'READY=1', 'READY=1']);
  for (const { args } of host.of('round')) assert.equal(args[0].after.children.length, 0);
});

test('with notify false, nothing is told', { skip }, async (t) => {
  const manager = await NotifySocket.open(t);
  const host = new Host(t, { notify: false }, { env: { ...manager.env, WATCHDOG_USEC: '20000' } });
  await host.ready();
  host.kill('SIGTERM');
  await host.exited();
  assert.deepEqual(manager.messages, []);
});

test('workers do not get what is meant for their master', { skip }, async (t) => {
  const manager = await NotifySocket.open(t);
  const env = { ...manager.env, WATCHDOG_USEC: '5000000', WATCHDOG_PID: '1', INVOCATION_ID: 'kept' };
  for (const [options, expected] of [
    [{}, { INVOCATION_ID: 'kept' }],
    // A variable of the option is there because somebody wants it.
    [{ env: { NOTIFY_SOCKET: '/own' } }, { INVOCATION_ID: 'kept', NOTIFY_SOCKET: '/own' }],
  ] as const) {
    const host = new Host(t, { app: fixture('tells.js'), workers: 1, ...options }, { env });
    const told = JSON.parse((await get(await host.ready())).body).env as NodeJS.ProcessEnv;
    const found = Object.entries(told).filter(([name]) => /^(?:NOTIFY|WATCHDOG|LISTEN|INVOCATION)_/.test(name));
    assert.deepEqual(Object.fromEntries(found), expected);
  }
});

test('a service manager that cannot be told is reported once, and ends nothing', async (t) => {
  const nowhere = { NOTIFY_SOCKET: join(temporaryFolder(t), 'none'), WATCHDOG_USEC: '40000' };
  for (const [env, why] of [
    [{ ...nowhere, PATH: temporaryFolder(t) }, /not told .*: the program systemd-notify is not installed/],
    [nowhere, /not told .*: (?:systemd-notify ended with exit code 1: .*|the program systemd-notify is not installed)/],
  ] as const) {
    const host = new Host(t, { workers: 1 }, { env });
    const url = await host.ready();
    const [error] = await host.event('error');
    assert.equal(error.code, 'ERR_NOTIFY');
    assert.match(error.message, why);
    for (let count = 0; count < 20; count++) assert.equal((await get(url)).body, 'hello');
    host.kill('SIGTERM');
    assert.deepEqual(await host.exited(), { code: 0, signal: null });
    assert.equal(host.of('error').length, 1);
  }
});

test('a program that hangs holds up neither the stop nor the end of the host', async (t) => {
  const folder = temporaryFolder(t);
  const [program, log] = [join(folder, 'systemd-notify'), join(folder, 'log')];
  writeFileSync(program, `#!/bin/sh\nwhile :; do sleep 0.1; echo >> ${log}; done\n`);
  chmodSync(program, 0o755);
  const env = { NOTIFY_SOCKET: '/nowhere', WATCHDOG_USEC: '40000', PATH: `${folder}:${process.env['PATH']}` };
  const host = new Host(t, { workers: 1 }, { env: { ...env, HOST_STAYS: '1' } });
  await host.ready();
  await eventually(() => existsSync(log), 'the program');
  await host.call('stop');
  // The program counts tenths of a second, by its own time on a busy machine. A stop gives it 2 s; else it has 10.
  assert.ok(statSync(log).size < 50, `${statSync(log).size} tenths of a second`);
  assert.deepEqual(childrenOf(host.pid), []);
  assert.equal(host.of('error').length, 0);
});

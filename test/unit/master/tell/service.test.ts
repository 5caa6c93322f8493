import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { type ArbiterStats, EMPTY_STATS, UNKNOWN } from '../../../../build/master/scoreboard/stats.js';
import { type Service, startService, statusLine } from '../../../../build/master/tell/service.js';
import { openServiceManager } from '../../../../build/system/systemd-notify.js';
import { NotifySocket, noNotifications } from '../../../helpers/notify-socket.js';
import { eventually } from '../../../helpers/wait.js';

const skip = noNotifications;
const neverFails = (error: Error): never => assert.fail(error);

const STATS: ArbiterStats<string> = {
  ...EMPTY_STATS,
  ...{ name: 'a', pid: 1, state: 'running', generation: 3, target: 2, uptime: 1, queues: [], saturation: UNKNOWN },
};
const STATUS = 'STATUS=running, 0 of 2 workers ready, generation 3';

async function start(t: TestContext): Promise<{ manager: NotifySocket; service: Service }> {
  const manager = await NotifySocket.open(t);
  const service = startService(manager.env, { stats: () => STATS, onFailure: neverFails, othersServe: () => false });
  assert.ok(service);
  return { manager, service };
}

/** Each message is a process, and `close()` waits two seconds at most for all of them. */
function allTold(manager: NotifySocket, count: number): Promise<void> {
  return eventually(() => manager.messages.length === count, `${count} messages`);
}

test('a service manager that does not ask is told nothing', () => {
  for (const env of [{}, { NOTIFY_SOCKET: '' }, { WATCHDOG_USEC: '1' }]) {
    assert.equal(startService(env, { stats: () => STATS, onFailure: neverFails, othersServe: () => false }), undefined);
  }
});

test('the status of workers, generation and health in one line', () => {
  const worker = (state: 'booting' | 'ready' | 'draining'): { state: typeof state } => ({ state });
  const view = {
    ...{ state: 'reloading', generation: 2, target: 3, degraded: false, failing: [] },
    workers: [worker('ready'), worker('draining'), worker('ready'), worker('booting')],
  };
  assert.equal(statusLine(view), 'reloading, 2 of 3 workers ready, generation 2');
  const many = Array.from({ length: 5 }, () => worker('ready'));
  assert.equal(statusLine({ ...view, workers: many }), 'reloading, 3 of 3 workers ready, generation 2');
  const failing = [1, 3].map((id) => ({ id, failures: 2, nextAttempt: undefined }));
  // The status does not name failing slots unless it is degraded.
  assert.equal(statusLine({ ...view, failing }), 'reloading, 2 of 3 workers ready, generation 2');
  assert.equal(
    statusLine({ ...view, failing, degraded: true }, new Error('one\ntwo\u001b[31m')),
    'reloading, 2 of 3 workers ready, generation 2; degraded: workers #1, #3 fail again and again; the last reload failed: Error: one',
  );
});

test('a reload is told with its time, and the end of it', { skip }, async (t) => {
  const { manager, service } = await start(t);
  const microseconds = (): number => Number(process.hrtime.bigint() / 1000n);
  const before = microseconds();
  service.onEvent('reload', [4]);
  const after = microseconds();
  service.onEvent('reloaded', [{ generation: 4, replaced: 2 }]);
  service.onEvent('reload', [5]);
  service.onEvent('rollback', [new Error('a broken deploy')]);
  service.onEvent('reload', [6]);
  service.onEvent('reloaded', [{ generation: 6, replaced: 2 }]);
  await allTold(manager, 6);
  const { messages } = manager;
  const [, first = ''] = messages[0] ?? [];
  const monotonic = Number(/^MONOTONIC_USEC=(\d+)$/.exec(first)?.[1]);
  // systemd compares it with this clock: CLOCK_MONOTONIC.
  assert.ok(monotonic >= before && monotonic <= after, `${before} ${first} ${after}`);
  const shown = messages.map((message) => message.filter((text) => !text.startsWith('MONOTONIC_USEC=')));
  assert.deepEqual(shown, [
    ['RELOADING=1', STATUS],
    ['READY=1', STATUS],
    ['RELOADING=1', STATUS],
    ['READY=1', `${STATUS}; the last reload failed: Error: a broken deploy`],
    ['RELOADING=1', STATUS],
    ['READY=1', STATUS],
  ]);
});

test('only signals that end the program end the service', { skip }, async (t) => {
  const { manager, service } = await start(t);
  for (const signal of ['SIGUSR1', 'SIGTTIN', 'SIGTERM', 'SIGINT']) service.onEvent('signal', [signal]);
  service.onEvent('stop', [{ graceful: true }]);
  await service.close();
  assert.equal(new Set(manager.states).size, 1);
  assert.equal(manager.states[0], 'STOPPING=1');
});

test('who has handed over says nothing more, until it takes back', { skip }, async (t) => {
  const { manager, service } = await start(t);
  service.handOver(4711);
  service.onEvent('ready', []);
  service.onEvent('signal', ['SIGTERM']);
  service.takeBack();
  service.onEvent('ready', []);
  await allTold(manager, 3);
  await service.close();
  service.onEvent('ready', []);
  assert.deepEqual(manager.messages, [
    ['MAINPID=4711'],
    [`MAINPID=${process.pid}`, 'READY=1', STATUS],
    ['READY=1', STATUS],
  ]);
});

test('messages keep their order, and what is out of date is not sent', { skip }, async (t) => {
  const socket = await NotifySocket.open(t);
  const manager = openServiceManager(socket.path, neverFails);
  // The first message goes at once. Of the waiting messages that say the same variable, only the last goes.
  for (let count = 1; count <= 30; count++) manager.tell(`STATUS=${count}`);
  for (let count = 1; count <= 5; count++) manager.tell('WATCHDOG=1');
  manager.tell('READY=1', 'STATUS=a');
  manager.tell('STATUS=ü, "quoted" $PATH; true');
  for (let count = 1; count <= 3; count++) manager.tell(`X_${count}=${count}`);
  await allTold(socket, 8);
  await manager.close();
  manager.tell('LATE=1');
  assert.deepEqual(socket.messages.slice(0, 5), [
    ['STATUS=1'],
    ['STATUS=30'],
    ['WATCHDOG=1'],
    ['READY=1', 'STATUS=a'],
    ['STATUS=ü, "quoted" $PATH; true'],
  ]);
  assert.deepEqual(
    socket.messages.slice(5).flat(),
    Array.from({ length: 3 }, (_, index) => `X_${index + 1}=${index + 1}`),
  );
});

test('one that has nothing to say closes at once', async () => {
  await openServiceManager('/nowhere', neverFails).close();
});

/* `restart()` while a slot fails: its caller is told all the same what has become of it. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { type ControlPlace, tell } from '../helpers/control.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { temporaryFolder } from '../helpers/place.js';
import { eventually, inTime } from '../helpers/wait.js';

test('restart beside a slot that cannot boot', async (t) => {
  const folder = temporaryFolder(t);
  const [file, socketPath] = [join(folder, 'broken'), join(folder, 'control')];
  const place: ControlPlace = { socketPath };
  const host = new Host(t, { app: fixture('broken-slot.js'), control: `unix:${socketPath}`, env: { BROKEN: file } });
  const url = await host.ready();
  const aged = async (id: number): Promise<number> => (await host.workers()).find((one) => one.id === id)?.age ?? 0;
  writeFileSync(file, '2');
  const second = (await host.workers()).find(({ id }) => id === 2);
  process.kill(second?.pid as number, 'SIGKILL');
  await host.event('degraded');

  let age = await aged(1);
  await inTime(host.call('restart', 1), () => `the restart\n${host.log}`);
  assert.ok((await aged(1)) > age, host.log);
  age = await aged(1);
  const restarted = await inTime(tell(place, '/restart?worker=1'), () => `the answer\n${host.log}`);
  assert.deepEqual([restarted.status, restarted.body], [200, { worker: 1 }]);
  assert.ok((await aged(1)) > age, host.log);
  assert.equal((await host.stats()).degraded, true);

  // A change of scale that cannot be completed now keeps no restart waiting either.
  const scaled = host.call('scale', 3);
  await host.event('worker:ready', ({ id }) => id === 3);
  age = await aged(1);
  await inTime(host.call('restart', 1), () => `the restart during a change of scale\n${host.log}`);
  assert.ok((await aged(1)) > age, host.log);

  // Now the other slot fails as well: its worker serves on.
  writeFileSync(file, '12');
  age = await aged(1);
  const message = /^worker #1 is not restarted, and serves on: .*this slot is broken/;
  await assert.rejects(inTime(host.call('restart', 1), 'the failure') as Promise<void>, {
    code: 'ERR_WORKER_BOOT',
    message,
  });
  const failed = await inTime(tell(place, '/restart?worker=1'), 'the answer');
  assert.deepEqual([failed.status, failed.body.error.code], [500, 'ERR_WORKER_BOOT']);
  assert.equal(await aged(1), age);
  assert.equal((await get(url)).status, 200);

  rmSync(file);
  await inTime(scaled, 'three workers');
  await host.event('recovered');
});

test('restart of a worker that has just replaced one, while the failure of that one is forgotten', async (t) => {
  const file = join(temporaryFolder(t), 'broken');
  const gate = await createLoadGate(t);
  const env = { BROKEN: file, LOAD_GATE: gate.env.GATE };
  gate.open();
  const host = new Host(t, { app: fixture('broken-slot.js'), workers: 1, env });
  const url = await host.ready();
  process.kill((await host.workers())[0]?.pid as number, 'SIGKILL');
  const [{ age }] = await host.event('worker:ready', (worker) => worker.age > 1);

  gate.close();
  const restarted = host.call('restart', 1);
  restarted.catch(() => undefined);
  await eventually(() => gate.waiting === 1, 'the substitute at the gate');
  await eventually(async () => (await host.stats()).failing.length === 0, 'the end of the failures of the slot');
  writeFileSync(file, '1');
  gate.open();
  await assert.rejects(inTime(restarted, () => `the failure\n${host.log}`) as Promise<void>, {
    code: 'ERR_WORKER_BOOT',
    message: /^worker #1 is not restarted, and serves on: .*this slot is broken/,
  });
  const workers = await host.workers();
  assert.deepEqual([workers.length, workers[0]?.age], [1, age]);
  assert.equal((await get(url)).status, 200);
});

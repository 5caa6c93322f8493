import assert from 'node:assert/strict';
import test from 'node:test';
import type { WorkerInfo } from 'prefork';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { holders, hostWithSpares, type Self, spares } from '../helpers/spares.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/** Asks until that worker answers. */
async function answerOf(url: string, pid: number, ca?: string): Promise<Self> {
  let found: Self | undefined;
  await eventually(async () => {
    const self = JSON.parse((await get(url, ca)).body) as Self;
    if (self.pid === pid) found = self;
    return found !== undefined;
  }, `an answer of ${pid}`);
  return found as Self;
}

const CASES = {
  sync: {},
  async: { keepAlive: 0 },
  threaded: { threads: 2, keepAlive: 0 },
  tls: { workerClass: 'async', keepAlive: 0 },
} as const;

for (const [name, options] of Object.entries(CASES)) {
  const secure = name === 'tls';
  test(`spare_is_there_before_anything_could_boot: ${name}`, { skip: secure && noCertificates }, async (t) => {
    const { key, cert } = secure ? certificate() : {};
    const bind = ['127.0.0.1:0', '127.0.0.1:0'];
    const tls = key && cert ? { tls: { key, cert } } : {};
    const { host, load } = await hostWithSpares(t, { workerClass: name, bind, ...options, ...tls });
    const url = await host.ready();
    const [spare] = (await spares(host)) as [WorkerInfo];
    assert.deepEqual([spare.id, spare.readyAt, (await host.stats()).spares], [0, undefined, 1]);
    // From now on no worker gets through its boot.
    load.close();
    const [first, second] = (await holders(host)) as [WorkerInfo, WorkerInfo];
    process.kill(second.pid as number, 'SIGKILL');
    const [worker] = await host.event('worker:ready', ({ pid }) => pid === spare.pid);
    assert.deepEqual([worker.id, worker.age, worker.state], [2, 3, 'ready']);
    const addresses = (await host.call('addresses')) as { port: number }[];
    for (const { port } of addresses) {
      const at = new URL(url);
      at.port = String(port);
      const self = await answerOf(at.href, spare.pid as number, cert as string | undefined);
      assert.deepEqual([self.id, self.before], [2, 0]);
      assert.equal(self.thread > 0, name === 'threaded');
    }
    // Another spare boots, and the gate holds it.
    await host.event('worker:spawn', ({ id, age }) => id === 0 && age === 4);
    assert.equal((await host.stats()).spares, 0);
    const { crashes, respawns } = (await host.stats()).totals;
    assert.deepEqual([crashes, respawns], [1, 1]);
    // Without a spare that waits, a slot gets a process of its own, as ever.
    process.kill(first.pid as number, 'SIGKILL');
    const [booting] = await host.event('worker:spawn', ({ age }) => age === 5);
    assert.equal(booting.id, 1);
    load.open();
    await host.event('worker:ready', ({ age }) => age === 5);
    assert.deepEqual(
      (await spares(host)).map(({ age }) => age),
      [4],
    );
  });
}

test('ready does not wait for spares, and they are started one after the other', async (t) => {
  const { host, load } = await hostWithSpares(t, { workers: 1, spares: 2 });
  load.close();
  await eventually(() => load.waiting === 1, 'a worker that loads');
  assert.equal(host.of('worker:spawn').length, 1);
  load.admit();
  await host.event('ready');
  await host.event('worker:spawn', ({ age }) => age === 2);
  await eventually(() => load.waiting === 1, 'a spare that loads');
  assert.deepEqual([host.of('worker:spawn').length, (await host.stats()).spares], [2, 0]);
  load.admit();
  await host.event('worker:spare', ({ age }) => age === 2);
  await host.event('worker:spawn', ({ age }) => age === 3);
  load.open();
  await spares(host, 2);
  assert.deepEqual(
    host.of('worker:ready').map(({ args: [{ id }] }) => id),
    [1],
  );
});

test('a spare accepts nothing', async (t) => {
  const gate = await Gate.open(t);
  const { host } = await hostWithSpares(t, { workers: 1 }, gate.env);
  const url = await host.ready();
  const [worker] = (await holders(host)) as [WorkerInfo];
  await spares(host);
  const held = await gate.hold(`${url}/held/1`);
  const waits = get(`${url}/held/2`);
  // The worker has no place free. The spare has had its time: it would have taken the waiting request when that came.
  await held.arrival.settle();
  assert.equal((await host.stats()).totals.requests, 0);
  held.arrival.release();
  await held.answer;
  const next = await gate.next();
  assert.deepEqual([held.arrival.pid, next.pid], [worker.pid, worker.pid]);
  next.release();
  assert.equal((JSON.parse((await waits).body) as Self).pid, worker.pid);
});

test('one more worker is a spare, and one less is none', async (t) => {
  const { host, load } = await hostWithSpares(t, {});
  await host.ready();
  const [spare] = (await spares(host)) as [WorkerInfo];
  load.close();
  host.kill('SIGTTIN');
  const [third] = await host.event('worker:ready', ({ id }) => id === 3);
  assert.equal(third.pid, spare.pid);
  load.open();
  const [next] = (await spares(host)) as [WorkerInfo];
  host.kill('SIGTTOU');
  const [oldest, { reason }] = await host.event('worker:exit');
  assert.deepEqual([oldest.age, reason], [1, 'scale']);
  await host.call('scale', 2);
  assert.deepEqual([(await spares(host))[0]?.pid, (await holders(host)).map(({ id }) => id)], [next.pid, [2, 3]]);
});

test('a worker that gets TERM from outside is replaced by the spare, one that is recycled is not', async (t) => {
  const { host, load } = await hostWithSpares(t, { maxRequests: 3 });
  const url = await host.ready();
  const [spare] = (await spares(host)) as [WorkerInfo];
  const [first] = (await holders(host)) as [WorkerInfo];
  load.close();
  process.kill(first.pid as number, 'SIGTERM');
  const [worker] = await host.event('worker:ready', ({ pid }) => pid === spare.pid);
  const [, { reason }] = await host.event('worker:exit', ({ pid }) => pid === first.pid);
  assert.deepEqual([worker.id, reason], [1, 'stop']);
  load.open();
  const [next] = (await spares(host)) as [WorkerInfo];
  for (let request = 0; request < 6; request++) await get(url);
  const [recycled] = await host.event('worker:exit', (_, exit) => exit.reason === 'recycle');
  const [substitute] = await host.event('worker:ready', ({ id, age }) => id === recycled.id && age > next.age);
  assert.notEqual(substitute.pid, next.pid);
});

test('of a reload, the old spare serves for the old ones until they are replaced, and then goes', async (t) => {
  const { host, load } = await hostWithSpares(t, { workers: 1 });
  await host.ready();
  const [spare] = (await spares(host)) as [WorkerInfo];
  load.close();
  const reload = host.call('reload');
  await host.event('worker:spawn', ({ generation }) => generation === 2);
  await eventually(() => load.waiting === 1, 'a new one that loads');
  const [old] = (await holders(host)).filter(({ generation }) => generation === 1) as [WorkerInfo];
  process.kill(old.pid as number, 'SIGKILL');
  const [worker] = await host.event('worker:ready', ({ pid }) => pid === spare.pid);
  assert.deepEqual([worker.id, worker.generation], [1, 1]);
  load.open();
  assert.deepEqual(await reload, { generation: 2, replaced: 1 });
  const [next] = (await spares(host)) as [WorkerInfo];
  assert.equal(next.generation, 2);
  const again = host.call('reload');
  assert.deepEqual(await again, { generation: 3, replaced: 1 });
  const names = host.events.map(({ event, args: [of] }) => `${event} ${of?.pid ?? of?.generation ?? of}`);
  const [exit, reloaded] = [names.indexOf(`worker:exit ${next.pid}`), names.indexOf('reloaded 3')];
  const proven = names.lastIndexOf(`worker:spawn ${(await holders(host)).at(-1)?.pid}`);
  assert.ok(proven < exit && exit < reloaded, host.log);
  const [, { reason }] = await host.event('worker:exit', ({ pid }) => pid === next.pid);
  assert.equal(reason, 'reload');
  const [last] = (await spares(host)) as [WorkerInfo];
  assert.equal(last.generation, 3);
  // No spare was started meanwhile.
  const spawned = host.of('worker:spawn').filter(({ args: [{ id, generation }] }) => id === 0 && generation === 3);
  assert.ok(spawned.length === 1 && host.events.indexOf(spawned[0] as never) > reloaded, host.log);
});

test('of a class of its own, a spare has run init and nothing else', async (t) => {
  const app = fixture('spare-class.js');
  const options = { workers: 1, spares: 1, bind: [], workerClass: `${app}#SpareClass`, app };
  const host = new Host(t, options);
  await host.event('ready');
  const [spare] = (await spares(host)) as [WorkerInfo];
  const steps = (pid: number | undefined): unknown[] =>
    host.of('worker:message').flatMap(({ args: [of, { step, id }] }) => (of.pid === pid ? [[step, id]] : []));
  assert.deepEqual(steps(spare.pid), [['init', 0]]);
  const [worker] = (await holders(host)) as [WorkerInfo];
  process.kill(worker.pid as number, 'SIGKILL');
  await host.event('worker:ready', ({ pid }) => pid === spare.pid);
  assert.deepEqual(steps(spare.pid), [
    ['init', 0],
    ['run', 1],
  ]);
  const [next] = (await spares(host)) as [WorkerInfo];
  await host.call('stop');
  assert.deepEqual(steps(next.pid), [['init', 0]]);
  assert.deepEqual(steps(spare.pid).at(-1), ['stop', 1]);
});

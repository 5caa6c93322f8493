import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { ask, type ControlPlace, tell } from '../helpers/control.js';
import { fixture, Host, type HostOptions, type HostSettings } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { temporaryFolder } from '../helpers/place.js';
import { shared } from '../helpers/shared.js';
import { eventually, inTime } from '../helpers/wait.js';

function controlled(t: TestContext, options: HostOptions = {}, settings?: HostSettings): [Host, ControlPlace] {
  const socketPath = join(temporaryFolder(t), 'control');
  return [new Host(t, { control: `unix:${socketPath}`, ...options }, settings), { socketPath }];
}

let place: ControlPlace;
const host = shared((t) => {
  const [started, at] = controlled(t);
  place = at;
  return started;
});

test('control: how it is, asked from outside', async () => {
  const [address] = await host().event('control');
  assert.deepEqual({ socketPath: address }, place);
  await host().ready();
  const live = await ask(place, '/livez');
  assert.deepEqual([live.status, live.body], [200, { live: true, state: 'running', pid: host().pid }]);
  const ready = await ask(place, '/readyz');
  const reasons: string[] = [];
  assert.deepEqual(
    [ready.status, ready.body],
    [200, { ready: true, state: 'running', workers: { ready: 2, target: 2 }, generation: 1, reasons }],
  );
  const { status, body } = await ask(place, '/stats');
  assert.equal(status, 200);
  // Saturation is measured only from the first question on.
  const { uptime, workers, saturation, ...stats } = body;
  const { uptime: later, workers: _, saturation: shares, ...own } = await host().stats();
  assert.deepEqual(stats, JSON.parse(JSON.stringify(own)));
  assert.deepEqual([typeof saturation, typeof shares], ['object', 'object']);
  assert.ok(uptime > 0 && uptime <= later);
  assert.deepEqual(
    workers.map(({ id, pid }: { id: number; pid: number }) => [id, pid]),
    (await host().workers()).map(({ id, pid }) => [id, pid]),
  );
});

test('control: a HEAD is a GET without a body', async () => {
  await host().ready();
  const { status, headers, text } = await ask(place, '/readyz', { method: 'HEAD' });
  assert.deepEqual([status, headers['content-type'], text], [200, 'application/json', '']);
});

test('control: what has happened is kept, as the log tells it', async () => {
  await host().ready();
  const { body } = await ask(place, '/history');
  const lines = body as { event: string; level: string; msg: string; time: string }[];
  const ready = lines.find(({ event }) => event === 'ready');
  assert.equal(ready?.msg, `ready: 2 workers, pid ${host().pid}`);
  assert.equal(ready?.level, 'info');
});

test('control: a worker is restarted, a substitute first', async () => {
  const url = await host().ready();
  const [first] = await host().workers();
  assert.ok(first);
  const { status, body } = await tell(place, `/restart?worker=${first.id}`);
  assert.deepEqual([status, body], [200, { worker: first.id }]);
  const workers = await host().workers();
  assert.equal(workers.length, 2);
  assert.ok(workers.some(({ id, age }) => id === first.id && age > first.age));
  const [, exit] = await host().event('worker:exit', ({ pid }) => pid === first.pid);
  assert.equal(exit.reason, 'recycle');
  assert.equal((await get(url)).status, 200);
  const missing = await tell(place, '/restart?worker=9');
  assert.deepEqual([missing.status, missing.body.error.code], [409, 'ERR_STATE']);
  assert.match(missing.body.error.message, /there is no worker #9/);
});

test('control: a reload is answered when it is done', async () => {
  await host().ready();
  const { generation } = await host().stats();
  const { status, body } = await tell(place, '/reload');
  assert.deepEqual([status, body], [200, { generation: generation + 1, replaced: 2 }]);
  assert.equal((await host().stats()).generation, generation + 1);
});

test('control: scaling is answered when it holds', async () => {
  await host().ready();
  const up = await tell(place, '/scale?to=3');
  assert.deepEqual([up.status, up.body], [200, { workers: 3 }]);
  assert.equal((await host().workers()).length, 3);
  const down = await tell(place, '/scale?to=2');
  assert.equal(down.status, 200);
  assert.equal((await host().workers()).length, 2);
});

for (const [path, expected] of [
  ['/scale', 'to: expected a number of workers, ?to=4, got none'],
  ['/scale?to=0', 'to: expected a number of workers, ?to=4, got "0"'],
  ['/scale?to=1e9', 'to: expected a number of workers, ?to=4, got "1e9"'],
  ['/scale?to=4097', "option 'workers of scale()': expected an integer from 1 to 4096, got 4097"],
  ['/scale?to=100000', "option 'workers of scale()': expected an integer from 1 to 4096, got 100000"],
  ['/restart?worker=x', 'worker: expected the number of a worker, ?worker=2, got "x"'],
  ['/stop?graceful=no', 'graceful: expected true or false, ?graceful=false, got "no"'],
] as const) {
  test(`control: POST ${path} is refused, and nothing is done`, async () => {
    await host().ready();
    const { status, body } = await tell(place, path);
    assert.deepEqual([status, body.error.message], [400, expected]);
    assert.equal(await host().call('state'), 'running');
  });
}

test('control: a reload that fails is a 500 with its cause, and the old code serves on', async (t) => {
  const file = join(temporaryFolder(t), 'broken');
  const [own, at] = controlled(t, { app: fixture('broken-while.js'), workers: 1, env: { BROKEN: file } });
  const url = await own.ready();
  writeFileSync(file, '');
  const { status, body } = await tell(at, '/reload');
  assert.equal(status, 500);
  assert.equal(body.error.code, 'ERR_RELOAD_FAILED');
  assert.equal(body.error.cause.code, 'ERR_APP_LOAD');
  assert.equal((await get(url)).status, 200);
  assert.equal((await ask(at, '/readyz')).status, 200);

  // The same holds for a single worker: the old one stays, and its restart is not tried again and again.
  const restarted = await tell(at, '/restart?worker=1');
  assert.deepEqual([restarted.status, restarted.body.error.code], [500, 'ERR_WORKER_BOOT']);
  assert.match(restarted.body.error.message, /worker #1 is not restarted, and serves on/);
  assert.equal((await own.workers()).length, 1);
  assert.equal((await get(url)).status, 200);
  rmSync(file);
  assert.equal((await tell(at, '/restart?worker=1')).status, 200);
});

test('control: ready only when all workers have been, and no more when a stop begins', async (t) => {
  const gate = await createLoadGate(t);
  const options = { app: fixture('waits-to-load.js'), workers: 1, drainDelay: 600_000, env: gate.env };
  const [own, at] = controlled(t, options);
  await own.event('control');
  const before = await ask(at, '/readyz');
  assert.deepEqual([before.status, before.body.reasons], [503, ['it is starting']]);
  assert.equal((await ask(at, '/livez')).status, 200);
  gate.open();
  const url = await own.ready();
  assert.equal((await ask(at, '/readyz')).status, 200);

  const { status, body } = await tell(at, '/stop');
  assert.deepEqual([status, body], [202, { stopping: true, graceful: true }]);
  await own.event('stop');
  const during = await ask(at, '/readyz');
  assert.deepEqual([during.status, during.body.reasons], [503, ['it is stopping']]);
  assert.equal((await ask(at, '/livez')).status, 200);
  // That is what drainDelay is for: the host serves on until it drains.
  assert.equal((await get(url)).status, 200);
  assert.equal((await tell(at, '/reload')).status, 409);
  assert.equal((await tell(at, '/stop?graceful=false')).status, 202);
  assert.equal((await own.exited()).code, 0);
  await assert.rejects(ask(at, '/livez'), { code: 'ENOENT' });
});

test('control: degraded is ready with a reason, held is not ready', async (t) => {
  const [own, at] = controlled(t, { workers: 2 });
  await own.ready();
  own.kill('SIGWINCH');
  await own.event('hold');
  const held = await ask(at, '/readyz');
  assert.equal(held.status, 503);
  assert.match(held.body.reasons[0], /^held: /);
  assert.equal((await tell(at, '/scale?to=2')).status, 200);
  assert.equal((await ask(at, '/readyz')).status, 200);
});

test('control: events come as they happen, and the figures each second', async (t) => {
  await host().ready();
  let text = '';
  const outgoing = request({ ...place, path: '/events', agent: false, headers: { Host: 'localhost' } });
  t.after(() => outgoing.destroy());
  outgoing.on('error', () => undefined);
  outgoing.on('response', (response) => {
    assert.equal(response.headers['content-type'], 'text/event-stream');
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    response.on('error', () => undefined);
  });
  outgoing.end();
  await eventually(
    () => /^event: history\ndata: \[.*\]\n\n/ms.test(text),
    () => text,
  );
  await eventually(
    () => text.split('event: stats\n').length > 2,
    () => text,
  );
  await host().call('reload');
  await eventually(
    () => /event: happened\ndata: \{.*"event":"reloaded"/.test(text),
    () => text,
  );
});

test('control: a start that fails leaves nothing of it', async (t) => {
  const [own, at] = controlled(t, { app: fixture('throws-at-load.js') });
  assert.equal((await own.exited()).code, 4);
  await assert.rejects(ask(at, '/livez'), { code: 'ENOENT' });
});

test('control: an address that cannot be bound fails the start, by the name of the option', async (t) => {
  const own = new Host(t, { control: 'unix:/no/such/folder/control' });
  const [error] = await inTime(own.event('rejected'), 'the rejection');
  assert.equal(error.code, 'ERR_BIND');
  assert.match(error.message, /option 'control'.*the directory does not exist \(ENOENT\)/);
  assert.deepEqual(own.workerPids, []);
  assert.equal((await own.exited()).code, 1);
});

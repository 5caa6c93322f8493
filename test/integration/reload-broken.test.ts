/* Broken deploys under load: each is rolled back, nobody notices, and the next good one is served. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { amount } from '../helpers/amount.js';
import { Host, type HostOptions } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { MixedLoad } from '../helpers/mixed-load.js';
import { ownPace } from '../helpers/pace.js';
import { replay } from '../helpers/recycling.js';
import { gated, Releases, source } from '../helpers/releases.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

ownPace();

interface Service {
  readonly host: Host;
  readonly load: MixedLoad;
  readonly releases: Releases;
}

async function serve(t: TestContext, options: HostOptions, env: NodeJS.ProcessEnv = {}): Promise<Service> {
  const releases = new Releases(t);
  const host = new Host(t, { app: './app.mjs', cwd: releases.current, ...options }, { env });
  const load = new MixedLoad(t, { url: await host.ready() }, { close: 3 });
  await load.more(10);
  return { host, load, releases };
}

/** What the caller and the listeners learn of a reload that fails. */
async function rolledBack(host: Host): Promise<{ code: string; message: string; cause: { code: string } }> {
  const before = host.of('rollback').length;
  const error = await host.call('reload').then(
    () => assert.fail('the reload succeeded'),
    (error: unknown) => error as Awaited<ReturnType<typeof rolledBack>>,
  );
  assert.equal(error.code, 'ERR_RELOAD_FAILED', error.message);
  const told = host.of('rollback').slice(before);
  assert.deepEqual(
    told.map(({ args }) => args[0].message),
    [error.message],
  );
  return error;
}

async function crew(host: Host): Promise<string[]> {
  return (await host.workers()).map(({ id, pid, generation, state }) => `${id} ${pid} ${generation} ${state}`);
}

/** No request has failed, and none was answered by another version. */
async function spared({ host, load }: Service, versions: string[] = ['1']): Promise<void> {
  await load.more(10);
  await load.stop();
  assert.deepEqual(load.failures, [], String(load));
  assert.deepEqual([...load.versions.keys()], versions);
  const { state, generation, degraded } = await host.stats();
  assert.deepEqual({ state, generation, degraded }, { state: 'running', generation: 1, degraded: false });
}

const BROKEN = {
  throws: { code: "throw new Error('broken release');", cause: 'ERR_APP_LOAD' },
  hangs: { code: 'await new Promise(() => setInterval(() => undefined, 1000));', cause: 'ERR_BOOT_TIMEOUT' },
  dies_after_ready: { code: `${source('2')}setTimeout(() => process.exit(1), 200);`, cause: 'ERR_WORKER_BOOT' },
};

/** One worker, and several. */
const WORKERS = amount({ suite: [1, 2], long: [1, 2, 8] });

for (const [name, { code, cause }] of Object.entries(BROKEN)) {
  for (const workers of WORKERS) {
    test(`new_generation_${name}, workers: ${workers}`, async (t) => {
      const service = await serve(t, { workers, ...(name === 'hangs' && { bootTimeout: 5_000, watchdog: false }) });
      const { host, releases } = service;
      const before = await crew(host);
      releases.release('2', code);
      assert.equal((await rolledBack(host)).cause.code, cause);
      assert.deepEqual(await crew(host), before, 'the old ones have not been touched');
      await spared(service);
      assert.equal(replay(host).fewestServing, workers);
    });
  }
}

for (const workerClass of ['async', 'threaded'] as const) {
  test(`new_generation_dies_after_ready, ${workerClass}`, async (t) => {
    const service = await serve(t, { workers: 2, workerClass, ...(workerClass === 'threaded' && { threads: 2 }) });
    const { host, releases } = service;
    const before = await crew(host);
    releases.release('2', BROKEN.dies_after_ready.code);
    const { message } = await rolledBack(host);
    assert.match(message, workerClass === 'threaded' ? /: thread \d of worker #1 ended \(crash/ : /: worker #1 ended/);
    assert.deepEqual(await crew(host), before);
    await spared(service);
  });
}

test('a broken deploy of any kind is rolled back, and the next good one is served', async (t) => {
  const { host, load, releases } = await serve(t, { workers: 2 });
  const before = await crew(host);
  releases.release('syntax', 'export default function (');
  assert.equal((await rolledBack(host)).cause.code, 'ERR_APP_LOAD');
  releases.release('missing', '', 'other.mjs');
  assert.equal((await rolledBack(host)).cause.code, 'ERR_APP_LOAD');
  releases.deploy('nowhere');
  assert.equal((await rolledBack(host)).cause.code, 'ERR_WORKER_BOOT');
  releases.release('exits', 'process.exit(0);');
  assert.equal((await rolledBack(host)).cause.code, 'ERR_WORKER_BOOT');
  assert.deepEqual(await crew(host), before);
  assert.deepEqual([...load.versions.keys()], ['1']);
  releases.release('6');
  assert.deepEqual(await host.call('reload'), { generation: 6, replaced: 2 });
  await load.more(10);
  await load.stop();
  assert.deepEqual([load.failures, [...load.versions.keys()]], [[], ['1', '6']], String(load));
});

const FAILS_THIRD = "import { worker } from 'prefork';\nif (worker.id === 3) throw new Error('broken in slot 3');\n";
const third = (version: string): string => source(version).replace('export', `${FAILS_THIRD}export`);

test('a failure of the second batch: what the first one has won is given back', async (t) => {
  const service = await serve(t, { workers: 4, surge: 2 });
  const { host, releases } = service;
  const before = await crew(host);
  releases.release('2', third('2').replace("'prefork'", `'${import.meta.resolve('prefork')}'`));
  assert.match((await rolledBack(host)).message, /broken in slot 3/);
  const after = await crew(host);
  assert.deepEqual(after.slice(0, 2), before.slice(2), 'slots that were never won');
  assert.deepEqual(
    after.slice(2).map((line) => line.replace(/ \d+/, '')),
    ['1 1 ready', '2 1 ready'],
  );
  const given = host
    .of('worker:exit')
    .filter(({ args: [{ generation }, { reason }] }) => generation === 2 && reason === 'reload');
  assert.ok(given.length >= 2);
  await spared(service, ['1', '2']);
  assert.equal(replay(host).fewestServing, 4);
});

test('what the old generation cannot get back, because its code is gone, serves on', async (t) => {
  const gate = await createLoadGate(t);
  const { host, load, releases } = await serve(t, { workers: 2, surge: 1 }, gate.env);
  const file = join(releases.folder, '1', 'app.mjs');
  writeFileSync(file, gated(source('2')));
  const reload = rolledBack(host);
  const [first] = await host.event('worker:spawn', ({ generation }) => generation === 2);
  // A worker that waits has read the file.
  await eventually(
    () => gate.waits(first.pid),
    () => `worker ${first.pid} to have read the file\n${host.log}`,
  );
  writeFileSync(file, "throw new Error('worse');");
  gate.open();
  assert.match((await reload).message, /worse/);
  const serving = (await host.workers()).map(({ id, generation, state }) => [id, generation, state]);
  assert.deepEqual(serving, [
    [2, 1, 'ready'],
    [1, 2, 'ready'],
  ]);
  writeFileSync(file, source('3'));
  assert.deepEqual(await host.call('reload'), { generation: 3, replaced: 2 });
  await load.more(10);
  await load.stop();
  assert.deepEqual([load.failures, [...load.versions.keys()]], [[], ['1', '2', '3']], String(load));
});

/* Reloads under load: not one request may fail, and none may be answered by the old code afterwards. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { type ClientKind, MixedLoad } from '../helpers/mixed-load.js';
import { ownPace } from '../helpers/pace.js';
import { temporaryFolder } from '../helpers/place.js';
import { replay } from '../helpers/recycling.js';

keepHosts();

ownPace();

const UPLOAD = 10_000_000;

interface Case {
  readonly options: HostOptions;
  readonly clients: Partial<Record<ClientKind, number>>;
  /** @defaultValue 1 */
  readonly reloads?: number;
}

const ALL = { close: 3, keepAlive: 3, upload: 1, unix: 2 };
const CASES: Readonly<Record<string, Case>> = {
  close: { options: { workers: 2, surge: 1 }, clients: { close: 8 }, reloads: 2 },
  keepalive: { options: { workers: 2, workerClass: 'threaded', threads: 2, surge: 2 }, clients: { keepAlive: 8 } },
  upload: { options: { workers: 2, surge: 2 }, clients: { upload: 3 } },
  unix: { options: { workers: 2, surge: 2 }, clients: { unix: 6 } },
  async: { options: { workers: 2, workerClass: 'async', surge: '100%' }, clients: ALL },
  threaded: { options: { workers: 2, workerClass: 'threaded', threads: 2, surge: 2 }, clients: ALL },
};

async function start(t: TestContext, { options, clients }: Case) {
  const folder = temporaryFolder(t);
  const [socketPath, version] = [join(folder, 'socket'), join(folder, 'version')];
  writeFileSync(version, '1');
  const host = new Host(
    t,
    {
      ...{ app: fixture('deploy.js'), bind: ['127.0.0.1:0', `unix:${socketPath}`], keepAlive: 300 },
      ...{ env: { VERSION_FILE: version }, ...options },
    },
    { env: { HOST_STAYS: '1' } },
  );
  const url = await host.ready();
  const load = new MixedLoad(t, { url, socketPath }, clients, { upload: UPLOAD });
  return { host, load, deploy: (name: string) => writeFileSync(version, name) };
}

for (const [name, what] of Object.entries(CASES)) {
  test(`reload_zero_drop_${name}`, async (t) => {
    const { host, load, deploy } = await start(t, what);
    const { workers = 0 } = what.options;
    const { reloads = 1 } = what;
    for (let generation = 2; generation <= 1 + reloads; generation++) {
      await load.more(10);
      deploy(String(generation));
      assert.deepEqual(await host.call('reload'), { generation, replaced: workers });
      const old = load.versions.get(String(generation - 1));
      await load.more(10);
      assert.equal(load.versions.get(String(generation - 1)), old, 'nobody is answered by the old code any more');
    }
    await load.stop();
    assert.deepEqual(load.failures, [], String(load));
    const { totals, generation, workers: living } = await host.stats();
    const { requests, ...others } = totals;
    assert.deepEqual(others, { errors: 0, abandoned: 0, timeouts: 0, crashes: 0, respawns: 0, reloads, recycles: 0 });
    assert.deepEqual(
      [generation, living.map((worker) => worker.generation)],
      [1 + reloads, Array(workers).fill(1 + reloads)],
    );
    await host.call('stop');
    assert.ok(requests <= load.answered && replay(host).fewestServing === workers);
    for (const { args } of host.of('worker:exit').slice(0, reloads * workers)) {
      assert.deepEqual(args[1], { code: 0, signal: null, reason: 'reload' });
    }
  });
}

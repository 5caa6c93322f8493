import assert from 'node:assert/strict';
import test from 'node:test';
import { fixture, Host } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { MixedLoad } from '../helpers/mixed-load.js';
import { ownPace } from '../helpers/pace.js';
import { replay } from '../helpers/recycling.js';

keepHosts();

ownPace();

test('reload_single_worker_zero_drop', async (t) => {
  const host = new Host(t, { workers: 1, app: fixture('deploy.js') }, { env: { HOST_STAYS: '1' } });
  const load = new MixedLoad(t, { url: await host.ready() }, { close: 4, keepAlive: 2, upload: 1 });
  for (const generation of [2, 3]) {
    await load.more(20);
    host.kill('SIGHUP');
    assert.deepEqual(await host.event('reloaded', (result) => result.generation === generation), [
      { generation, replaced: 1 },
    ]);
  }
  await load.more(20);
  await load.stop();
  assert.deepEqual(load.failures, [], String(load));
  await host.call('stop');
  assert.equal(replay(host).fewestServing, 1);
});

import assert from 'node:assert/strict';
import test from 'node:test';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { temporaryFolder } from '../helpers/place.js';
import { nodeOfVersion } from '../helpers/project.js';

test('node_20_22_24_26', async (t) => {
  for (const version of ['20.19.0', '20', '22', '24', '26']) {
    await t.test(`node ${version}`, async (t) => {
      const execPath = nodeOfVersion(temporaryFolder(t), version);
      const gate = await Gate.open(t);
      const host = new Host(t, { app: fixture('gated.js'), workers: 2 }, { execPath, env: gate.env });
      const url = await host.ready();

      const answer = get(`${url}/first`);
      (await gate.next()).release();
      assert.match((await answer).body, /^\d+ \/first$/);

      const [{ pid = 0 } = {}] = await host.workers();
      process.kill(pid, 'SIGKILL');
      const [, { signal, reason }] = await host.event('worker:exit');
      assert.deepEqual([signal, reason], ['SIGKILL', 'crash']);
      await host.event('worker:ready', ({ age }) => age === 3);

      const last = get(`${url}/last`);
      const arrival = await gate.next();
      host.kill('SIGTERM');
      await host.event('stop');
      arrival.release();
      assert.equal((await last).body, `${arrival.pid} /last`);
      assert.deepEqual(await host.exited(), { code: 0, signal: null });
      assert.deepEqual(
        host.of('worker:exit').map(({ args: [, { code, signal }] }) => code ?? signal),
        ['SIGKILL', 0, 0],
      );
    });
  }
});

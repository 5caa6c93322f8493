import assert from 'node:assert/strict';
import test from 'node:test';
import { CertificateFiles, certificate, noCertificates } from '../helpers/certificate.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { MixedLoad } from '../helpers/mixed-load.js';
import { replay } from '../helpers/recycling.js';

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

test('a reload reads certificates anew', { skip: noCertificates }, async (t) => {
  const files = new CertificateFiles(t);
  const host = new Host(t, { workers: 2, surge: 2, tls: { key: files.key, cert: files.cert } });
  const url = await host.ready();
  assert.equal((await get(url, certificate().cert)).status, 200);
  files.write(certificate(1));
  // What runs has the one that it began with.
  assert.equal((await get(url, certificate().cert)).status, 200);
  host.kill('SIGHUP');
  await host.event('reloaded');
  for (let count = 0; count < 4; count++) assert.equal((await get(url, certificate(1).cert)).status, 200);
  await assert.rejects(get(url, certificate().cert), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  files.write({ key: 'no key', cert: 'no certificate' });
  await assert.rejects(host.call('reload'), { code: 'ERR_RELOAD_FAILED' });
  assert.equal((await get(url, certificate(1).cert)).status, 200);
});

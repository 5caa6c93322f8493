import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { amount } from '../helpers/amount.js';
import { CLASSES } from '../helpers/classes.js';
import { Host, type HostOptions } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { temporaryFolder } from '../helpers/place.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/*
 * What may happen to the file of a Unix socket while it is served, so that the stop cannot remove it. Each returns
 * whether the host then tells of an error.
 */
const LOSSES: Readonly<Record<string, (folder: string) => boolean>> = {
  'its folder has become a file': (folder) => {
    renameSync(folder, `${folder}-away`);
    writeFileSync(folder, '');
    return true;
  },
  'its folder is gone': (folder) => {
    renameSync(folder, `${folder}-away`);
    return true;
  },
  // Neither is a failure: there is nothing of ours left to remove.
  'it was removed': (folder) => {
    rmSync(join(folder, 'socket'));
    return false;
  },
  "it is another one's": (folder) => {
    rmSync(join(folder, 'socket'));
    writeFileSync(join(folder, 'socket'), 'not ours');
    return false;
  },
};

async function serving(
  t: TestContext,
  options: HostOptions,
): Promise<{ host: Host; folder: string; slow: Promise<number> }> {
  const folder = join(temporaryFolder(t), 'run');
  mkdirSync(folder);
  const socketPath = join(folder, 'socket');
  const bind = [`unix:${socketPath}`, '127.0.0.1:0'];
  const host = new Host(
    t,
    { workers: 1, bind, pidFile: join(folder, 'pid'), ...options },
    { env: { HOST_STAYS: '1' } },
  );
  await host.event('ready');
  const slow = new Promise<number>((resolve, reject) => {
    http
      .get({ socketPath, path: '/wait?ms=700', agent: false }, (answer) => resolve(answer.statusCode ?? 0))
      .on('error', reject);
  });
  await eventually(async () => (await host.stats()).workers.some(({ active }) => active > 0), 'a request in flight');
  return { host, folder, slow };
}

/*
 * The master removes the file, whatever the class. The classes differ in how workers leave the sockets before. So the
 * suite tests each class with one loss that is reported and with one that is not, and each loss with a class. The long
 * form tests all with all.
 */
const WITH: Readonly<Record<string, readonly string[]>> = amount<Readonly<Record<string, readonly string[]>>>({
  suite: {
    'its folder has become a file': ['sync', 'threaded'],
    'its folder is gone': ['async'],
    'it was removed': ['threaded', 'async'],
    "it is another one's": ['sync'],
  },
  long: Object.fromEntries(Object.keys(LOSSES).map((what) => [what, CLASSES])),
});

for (const workerClass of CLASSES) {
  for (const [what, lose] of Object.entries(LOSSES)) {
    if (!WITH[what]?.includes(workerClass)) continue;
    test(`socket_file_stays: ${what}, ${workerClass}`, async (t) => {
      const { host, folder, slow } = await serving(t, {
        workerClass,
        ...(workerClass === 'threaded' && { threads: 1 }),
      });
      const told = lose(folder);
      const stopped = Promise.all([host.call('stop'), host.call('stop')]);
      assert.equal(await slow, 200);
      await stopped;
      assert.equal(await host.call('state'), 'stopped');
      const codes = host.of('error').map(({ args: [{ code }] }) => code);
      assert.deepEqual(codes, told ? ['ERR_CLEANUP'] : []);
    });
  }
}

test('socket_file_stays: by TERM', async (t) => {
  const { host, folder, slow } = await serving(t, {});
  renameSync(folder, `${folder}-away`);
  writeFileSync(folder, '');
  host.kill('SIGTERM');
  assert.equal(await slow, 200);
  await host.event('stopped');
  assert.deepEqual(
    host.of('error').map(({ args: [{ code }] }) => code),
    ['ERR_CLEANUP'],
  );
});

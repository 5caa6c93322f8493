import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test, { type TestContext } from 'node:test';
import { amount } from '../helpers/amount.js';
import { CLASSES } from '../helpers/classes.js';
import { Host, type HostOptions, type HostSettings } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { eventually } from '../helpers/wait.js';

/* /dev/shm is full, or becomes full. It is a file system of its own, which only the host and its children see. */

const NAMESPACE = process.getuid?.() === 0 ? '-m' : '-Urm';
const mount = (size: string): string => `mount -t tmpfs -o size=${size} tmpfs /dev/shm`;
const skip =
  process.platform !== 'linux' || spawnSync('unshare', [NAMESPACE, 'sh', '-c', mount('64k')]).status !== 0
    ? 'needs the right to mount'
    : false;

/** A host with a /dev/shm of that size. */
function host(t: TestContext, size: string, options: object = {}, env: NodeJS.ProcessEnv = {}): Host {
  const settings: HostSettings = {
    entry: 'starves.js',
    execPath: 'unshare',
    execArgv: [NAMESPACE, 'sh', '-c', `${mount(size)} && exec "$0" "$@"`, process.execPath],
    env,
  };
  return new Host(t, { workers: 1, ...options } as HostOptions, settings);
}

async function serves(url: string): Promise<void> {
  for (let times = 0; times < 3; times++) assert.equal((await get(`${url}/`)).body, 'hello');
}

/** How many workers need slots. */
const MOST = amount({ suite: { sync: 18, threaded: 2, async: 2 }, long: { sync: 18, threaded: 6, async: 18 } });

for (const workerClass of CLASSES) {
  const options = { workerClass, ...(workerClass === 'threaded' && { threads: 2 }) };

  test(`shm_full: at the start, the next folder is used, ${workerClass}`, { skip }, async (t) => {
    // A small and empty file system is not enough, nor is a full one.
    for (const more of [{}, { starve: 'shm' }]) {
      const started = host(t, '64k', { ...options, ...more });
      const url = await started.ready();
      await serves(url);
      assert.equal(
        (await started.stats()).workers.every(({ rss }) => rss > 0),
        true,
        'the workers write to it',
      );
      started.kill('SIGTERM');
      assert.deepEqual(await started.exited(), { code: 0, signal: null });
    }
  });

  test(`shm_full: later, nothing needs more room, ${workerClass}`, { skip }, async (t) => {
    const started = host(t, '1m', options);
    const url = await started.ready();
    const before = started.of('short').length;
    started.child.send({ shortOf: 'shm' });
    await started.until(() => started.of('short').length > before, 'a full /dev/shm');
    await serves(url);
    // More than one page of slots. The slots are the same for each class.
    await started.call('scale', MOST[workerClass]);
    await started.call('scale', 1);
    assert.equal(((await started.call('reload')) as { replaced: number }).replaced, 1);
    for (const { pid = 0 } of await started.workers()) process.kill(pid, 'SIGKILL');
    await eventually(
      async () => (await started.workers()).filter(({ state }) => state === 'ready').length === 1,
      'another worker',
    );
    await serves(url);
    // The numbers that the workers write have arrived.
    await eventually(async () => (await started.stats()).totals.requests >= 3, 'three requests that are counted');
    assert.deepEqual(started.of('error'), []);
    started.kill('SIGTERM');
    assert.deepEqual(await started.exited(), { code: 0, signal: null });
  });
}

test('shm_full: with no room anywhere, the start is rejected', { skip }, async (t) => {
  const started = host(t, '64k', { starve: 'shm' }, { TMPDIR: '/dev/shm' });
  const [error] = await started.event('rejected');
  assert.deepEqual([error.code, error.cause.code], ['ERR_SCOREBOARD', 'ENOSPC']);
  assert.match(error.message, /no folder has room/);
  assert.deepEqual(await started.exited(), { code: 1, signal: null });
});

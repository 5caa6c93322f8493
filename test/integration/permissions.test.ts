/* Node's permission model: what a master and its workers need, and that one is told all of it at once. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { getFrom } from '../helpers/address.js';
import { CLASSES } from '../helpers/classes.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { temporaryFolder } from '../helpers/place.js';
import { PROJECT } from '../helpers/project.js';

const version = Number(process.versions.node.split('.')[0]);
const modern = { skip: version >= 24 ? false : 'needs Node 24' };

/** What the script needs to be read at all. */
const READS = [`--allow-fs-read=${PROJECT}`];
const NETWORK = version >= 25 ? ['--allow-net'] : [];

function start(t: TestContext, flags: readonly string[], options: HostOptions = {}): Host {
  return new Host(t, { workers: 1, ...options }, { execArgv: ['--permission', ...READS, ...flags] });
}

/** The flags that the refusal asks for. */
async function askedFor(host: Host): Promise<string[]> {
  const [error] = await host.event('rejected');
  assert.equal(error.code, 'ERR_PERMISSION', error.message);
  assert.match(
    error.message,
    /^Node's permission model \(--permission\) refuses what a master needs; start it with --.* too$/,
  );
  assert.deepEqual(await host.exited(), { code: 1, signal: null });
  return error.message.match(/--allow\S+/g);
}

for (const workerClass of CLASSES) {
  test(`permission_model: with the flags that the error names it serves, ${workerClass}`, modern, async (t) => {
    const flags = await askedFor(start(t, [], { workerClass }));
    assert.deepEqual(flags, [
      ...['--allow-child-process', '--allow-worker', ...NETWORK],
      ...['--allow-fs-read=/dev/shm', '--allow-fs-write=/dev/shm'],
    ]);
    const host = start(t, flags, { workerClass });
    const url = await host.ready();
    assert.equal((await get(url)).body, 'hello');
    assert.deepEqual(await host.call('reload'), { generation: 2, replaced: 1 });
    host.kill('SIGTERM');
    assert.deepEqual(await host.exited(), { code: 0, signal: null });
  });
}

test('permission_model: of each flag that is missing alone, that one is named', modern, async (t) => {
  const all = [
    '--allow-child-process',
    '--allow-worker',
    ...NETWORK,
    '--allow-fs-read=/dev/shm',
    '--allow-fs-write=/dev/shm',
  ];
  for (const missing of all) {
    const flags = await askedFor(
      start(
        t,
        all.filter((flag) => flag !== missing),
      ),
    );
    assert.ok(flags.includes(missing), `${missing}: ${flags}`);
  }
});

test(
  'permission_model: a Unix socket and a pid file need their folder, and no watchdog no thread',
  modern,
  async (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'socket');
    const options = { bind: `unix:${path}`, pidFile: join(folder, 'pid'), watchdog: false };
    const flags = await askedFor(start(t, [], options));
    assert.deepEqual(flags, [
      ...['--allow-child-process', ...NETWORK, '--allow-fs-read=/dev/shm', '--allow-fs-write=/dev/shm'],
      ...[`--allow-fs-read=${folder}`, `--allow-fs-write=${folder}`],
    ]);
    const host = start(t, flags, options);
    await host.event('ready');
    assert.equal((await getFrom(path)).body, 'hello');
  },
);

test('permission_model: what the application lacks, Node names', modern, async (t) => {
  const flags = [
    '--allow-child-process',
    '--allow-worker',
    ...NETWORK,
    '--allow-fs-read=/dev/shm',
    '--allow-fs-write=/dev/shm',
  ];
  const host = start(t, flags, { app: fixture('reads-passwd.js') });
  const [error] = await host.event('rejected');
  assert.equal(error.code, 'ERR_APP_LOAD');
  assert.equal(error.cause.code, 'ERR_ACCESS_DENIED');
});

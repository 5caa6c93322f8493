import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { Arbiter } from 'prefork';
import { MAX_PATH } from '../../build/options/address.js';
import { getFrom } from '../helpers/address.js';
import { fixture, Host } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { occupy, temporaryFolder } from '../helpers/place.js';

keepHosts();

/** Creates a folder and returns a path in it of so many bytes, `nameBytes` of which are the name of the socket. */
function pathOf(t: TestContext, bytes: number, nameBytes: number, unit: 'x' | 'é' = 'x'): string {
  const outer = temporaryFolder(t);
  const inner = bytes - nameBytes - 1 - Buffer.byteLength(outer) - 1;
  const folder = join(outer, 'd'.repeat(inner));
  mkdirSync(folder);
  const size = Buffer.byteLength(unit);
  const path = `${folder}/${unit.repeat(Math.floor(nameBytes / size))}${'y'.repeat(nameBytes % size)}`;
  assert.equal(Buffer.byteLength(path), bytes);
  return path;
}

for (const [bytes, nameBytes, unit] of [
  [MAX_PATH - 1, 20, 'x'],
  [MAX_PATH, 20, 'x'],
  [MAX_PATH, 21, 'é'],
  [MAX_PATH, 1, 'x'],
] as const) {
  const what = `a path of ${bytes} bytes, ${nameBytes} of the name ('${unit}')`;

  test(`bind_unix_longest: ${what} is served by every worker, until the stop`, async (t) => {
    const path = pathOf(t, bytes, nameBytes, unit);
    // How several workers share a socket is the same for each path, so one case is enough.
    const host = new Host(t, { bind: { path, mode: 0o600 }, workers: unit === 'é' ? 2 : 1 });
    await host.event('ready');
    assert.deepEqual(await host.call('addresses'), [path]);
    assert.equal(lstatSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(dirname(path)).length, 1);
    assert.equal((await getFrom(path)).body, 'hello');
    await host.call('reload');
    assert.equal((await getFrom(path)).body, 'hello');
    host.kill('SIGTERM');
    assert.deepEqual(await host.exited(), { code: 0, signal: null });
    assert.deepEqual(readdirSync(dirname(path)), []);
  });

  test(`bind_unix_longest: ${what}, which a killed host has left, is bound anew; one in use is refused`, async (t) => {
    const path = pathOf(t, bytes, nameBytes, unit);
    const first = new Host(t, { bind: { path }, workers: 1 });
    await first.event('ready');
    const second = new Host(t, { bind: { path } });
    const [error] = await second.event('rejected');
    assert.equal(error.code, 'ERR_BIND');
    assert.match(error.message, /in use/);
    assert.equal((await getFrom(path)).body, 'hello');
    first.kill('SIGKILL');
    await first.exited();
    const third = new Host(t, { bind: { path }, workers: 1 });
    await third.event('ready');
    const [{ pid } = { pid: 0 }] = await third.workers();
    assert.equal((await getFrom(path, '/pid')).body, String(pid));
  });
}

for (const workerClass of ['sync', 'threaded', 'async'] as const) {
  test(`bind_unix_longest: a request that hangs gets its 504, ${workerClass}`, async (t) => {
    // The watchdog identifies the clients of the socket by the name under which the socket was first bound.
    const path = pathOf(t, MAX_PATH, 21, 'é');
    const host = new Host(t, { bind: { path }, workerClass, workers: 1, timeout: 300, app: fixture('hangs.js') });
    await host.event('ready');
    assert.equal((await getFrom(path, '/later')).status, 504);
  });
}

test('bind_unix_longest: a path that is too long is refused by the constructor, and nothing is made', (t) => {
  const path = pathOf(t, MAX_PATH + 1, 20);
  assert.throws(() => new Arbiter({ app: fixture('app.js'), bind: `unix:${path}` }), {
    code: 'ERR_INVALID_OPTION',
    message: new RegExp(`option 'bind': expected a path of at most ${MAX_PATH} bytes, .*not of ${MAX_PATH + 1}`),
  });
  assert.equal(existsSync(path), false);
});

test('bind_unix_longest: what is refused, the system does not bind either', async (t) => {
  // Some versions of Node truncate a name that is too long; the socket is then not at the path that was asked for.
  const path = pathOf(t, MAX_PATH + 1, 20);
  await occupy(t, { path }).catch((error: NodeJS.ErrnoException) => assert.equal(error.code, 'EINVAL'));
  assert.equal(existsSync(path), false);
});

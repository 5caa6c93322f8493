/*
 * A host whose folder has been replaced or pruned by the time of the upgrade, and limits that are longer than timers.
 */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { fixture } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { temporaryFolder } from '../helpers/place.js';
import { Succession } from '../helpers/succession.js';

/** A host that was started in a folder that is gone by now; its script is in another one. */
async function pruned(t: TestContext, scriptIn: 'bin' | 'releases/1') {
  const folder = temporaryFolder(t);
  const release = join(folder, 'releases/1');
  for (const name of ['releases/1', 'bin']) mkdirSync(join(folder, name), { recursive: true });
  const script = join(folder, scriptIn, 'server.mjs');
  writeFileSync(script, `await import('${pathToFileURL(fixture('succession-host.js'))}');\n`);
  const settings = { command: [process.execPath, script], cwd: release, env: { PWD: release } };
  const options = { app: fixture('app.js'), cwd: folder, workers: 1 };
  const succession = await Succession.start(t, [options], settings);
  const old = await succession.ready();
  rmSync(release, { recursive: true });
  return { succession, old, release, folder };
}

test('a host whose start folder is gone is upgraded by its absolute path, and says where it is then', async (t) => {
  const { succession, old, release, folder } = await pruned(t, 'bin');
  const url = await succession.url(old);
  const next = await succession.upgrade(old);
  await succession.end(old);
  assert.equal((await get(url)).body, 'hello');
  const warning = `[PREFORK_FOLDER_GONE] Warning: the folder that this process was started in is gone: ${release}; its successor is started in that of its script, ${join(folder, 'bin')}`;
  assert.ok(succession.output.includes(warning), succession.output);
  // Another upgrade, from the new folder.
  const last = await succession.upgrade(next);
  await succession.end(next);
  assert.equal((await get(url)).body, 'hello');
  await succession.end(last);
  await succession.extinct();
});

test('where the script is gone too, the error names the folder, and no program', async (t) => {
  const { succession, old, release } = await pruned(t, 'releases/1');
  await assert.rejects(succession.call(old, 'upgrade'), {
    code: 'ERR_UPGRADE_FAILED',
    message: `the upgrade failed, and this process serves on: the folder that this process was started in is gone: ${release}`,
  });
  assert.equal((await get(await succession.url(old))).body, 'hello');
  mkdirSync(release);
  writeFileSync(join(release, 'server.mjs'), `await import('${pathToFileURL(fixture('succession-host.js'))}');\n`);
  const next = await succession.upgrade(old);
  await succession.end(old);
  assert.equal((await get(await succession.url(next))).body, 'hello');
});

test('the longest limits that there are, are no short ones when they are added up', async (t) => {
  const longest = 2 ** 31 - 1;
  const limits = {
    bootTimeout: longest,
    gracefulTimeout: longest,
    drainDelay: 0,
    timeout: longest,
    keepAlive: longest,
  };
  const succession = await Succession.start(t, [
    { ...limits, workers: 1, workerClass: 'async', app: fixture('app.js') },
  ]);
  const old = await succession.ready();
  const url = await succession.url(old);
  const next = await succession.upgrade(old);
  await succession.end(old);
  assert.equal((await get(url)).body, 'hello');
  await succession.end(next);
  await succession.extinct();
  assert.doesNotMatch(succession.output, /TimeoutOverflowWarning/);
});

const PLACES: Readonly<Record<string, (current: string) => { script: string; cwd: string; app: string }>> = {
  'by its path': (current) => ({ script: join(current, 'server.mjs'), cwd: '/', app: join(current, 'app.mjs') }),
  'from within it': (current) => ({ script: 'server.mjs', cwd: current, app: './app.mjs' }),
};

for (const [name, place] of Object.entries(PLACES)) {
  test(`a release behind a link is started anew where the link leads by then: ${name}`, async (t) => {
    const folder = temporaryFolder(t);
    const current = join(folder, 'current');
    for (const release of ['1', '2']) {
      const own = join(folder, 'releases', release);
      mkdirSync(own, { recursive: true });
      writeFileSync(
        join(own, 'server.mjs'),
        `process.env.RELEASE = '${release}';\nawait import('${pathToFileURL(fixture('succession-host.js'))}');\n`,
      );
      writeFileSync(
        join(own, 'app.mjs'),
        `export default (request, response) => response.end(process.env.RELEASE + ' ${release}');\n`,
      );
    }
    symlinkSync('releases/1', current);
    const { script, cwd, app } = place(current);
    const command = [process.execPath, script];
    const succession = await Succession.start(t, [{ workers: 1, app }], { command, cwd, env: { PWD: cwd } });
    const old = await succession.ready();
    const url = await succession.url(old);
    assert.equal((await get(url)).body, '1 1');
    symlinkSync('releases/2', `${current}.new`);
    renameSync(`${current}.new`, current);
    const next = await succession.upgrade(old);
    await succession.end(old);
    assert.equal((await get(url)).body, '2 2');
    await succession.end(next);
  });
}

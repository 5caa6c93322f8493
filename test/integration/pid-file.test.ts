import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Arbiter } from 'prefork';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { occupy, portOf, temporaryFolder } from '../helpers/place.js';

const content = (path: string): string => readFileSync(path, 'utf8');

test('stale_pidfile', async (t) => {
  const folder = temporaryFolder(t);
  const pidFile = join(folder, 'app.pid');
  const first = new Host(t, { pidFile });
  await first.ready();
  assert.equal(content(pidFile), `${first.pid}\n`);
  first.kill('SIGKILL');
  await first.exited();
  assert.equal(content(pidFile), `${first.pid}\n`);
  // Relative to the working directory of the workers, not of the host.
  const second = new Host(t, { pidFile: 'app.pid', cwd: folder });
  const url = await second.ready();
  assert.equal(content(pidFile), `${second.pid}\n`);
  assert.equal(statSync(pidFile).mode & 0o777, 0o644);
  assert.equal((await get(url)).body, 'hello');
  second.kill('SIGTERM');
  assert.deepEqual(await second.exited(), { code: 0, signal: null });
  assert.deepEqual(readdirSync(folder), []);
});

test('stale_pidfile: one that is garbage is replaced', async (t) => {
  const pidFile = join(temporaryFolder(t), 'app.pid');
  for (const garbage of ['', 'none\n']) {
    writeFileSync(pidFile, garbage);
    const host = new Host(t, { pidFile, workers: 1 });
    await host.ready();
    assert.equal(content(pidFile), `${host.pid}\n`);
    await host.call('stop');
    assert.equal(existsSync(pidFile), false);
  }
});

test('a pid file of a living host is refused, before anything is bound', async (t) => {
  const pidFile = join(temporaryFolder(t), 'app.pid');
  const first = new Host(t, { pidFile });
  const url = await first.ready();
  // If the host bound first, it would try this address for seconds, and end in ERR_BIND.
  const second = new Host(t, { pidFile, bind: new URL(url).host }, { env: { DEBUG: 'prefork:bind' } });
  const [error] = await second.event('rejected');
  assert.equal(error.code, 'ERR_PIDFILE');
  assert.ok(error.message.includes(pidFile) && error.message.includes(` ${first.pid} `), error.message);
  assert.deepEqual(await second.exited(), { code: 1, signal: null });
  assert.doesNotMatch(second.log, /attempt/);
  assert.equal(second.of('worker:spawn').length, 0);
  assert.equal(content(pidFile), `${first.pid}\n`);
  assert.equal((await get(url)).body, 'hello');
});

test('a pid file in a folder without permission', async (t) => {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o555);
  const host = new Host(t, { pidFile: join(folder, 'app.pid') }, { entry: 'nobody-host.js' });
  const [error] = await host.event('rejected');
  assert.deepEqual([error.code, error.cause.code], ['ERR_PIDFILE', 'EACCES']);
  assert.ok(error.message.includes(join(folder, 'app.pid')), error.message);
  assert.deepEqual(await host.exited(), { code: 1, signal: null });
});

test('a pid file that says another process by now is left alone', async (t) => {
  const pidFile = join(temporaryFolder(t), 'app.pid');
  const host = new Host(t, { pidFile, workers: 1 });
  await host.ready();
  writeFileSync(pidFile, `${process.pid}\n`);
  host.kill('SIGTERM');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
  assert.equal(content(pidFile), `${process.pid}\n`);
});

test('a host that ends without a stop leaves no pid file', async (t) => {
  const pidFile = join(temporaryFolder(t), 'app.pid');
  for (const signals of [true, false]) {
    const host = new Host(t, { pidFile, signals, workers: 1 }, { entry: 'ends-without-stop.js' });
    await host.ready();
    assert.ok(existsSync(pidFile));
    host.child.send({ end: 'exit' });
    assert.deepEqual(await host.exited(), { code: 7, signal: null });
    assert.equal(existsSync(pidFile), false);
  }
});

test('a start that fails leaves no pid file', async (t) => {
  const pidFile = join(temporaryFolder(t), 'app.pid');
  const path = join(temporaryFolder(t), 'a-file');
  writeFileSync(path, '');
  for (const [options, code] of [
    [{ bind: { path }, app: fixture('app.js') }, 'ERR_BIND'],
    [{ bind: '127.0.0.1:0', app: fixture('throws-at-load.js') }, 'ERR_APP_LOAD'],
  ] as const) {
    // In this process, since the end of a process would remove it anyway.
    const arbiter = new Arbiter({ ...options, pidFile, workers: 1, logger: false });
    await assert.rejects(arbiter.run(), { code });
    assert.equal(existsSync(pidFile), false);
  }
});

test('two Arbiters of one process: each with a pid file of its own, or one is refused', async (t) => {
  const folder = temporaryFolder(t);
  const make = (pidFile: string): Arbiter => {
    const options = { app: fixture('app.js'), bind: '127.0.0.1:0', workers: 1, logger: false, cwd: folder };
    const arbiter = new Arbiter({ ...options, pidFile });
    t.after(() => arbiter.stop());
    return arbiter;
  };
  const [one, two] = [make('one.pid'), make('two.pid')];
  await Promise.all([one.start(), two.start()]);
  for (const name of ['one.pid', 'two.pid']) assert.equal(content(join(folder, name)), `${process.pid}\n`);
  await assert.rejects(make('two.pid').start(), { code: 'ERR_PIDFILE', message: /two\.pid: another Arbiter/ });
  await one.stop();
  assert.deepEqual(readdirSync(folder), ['two.pid']);
  await two.stop();
  assert.deepEqual(readdirSync(folder), []);
  await make('two.pid').start();
  assert.deepEqual(readdirSync(folder), ['two.pid']);
});

test('an address that stays in use takes the pid file with it', async (t) => {
  const pidFile = join(temporaryFolder(t), 'app.pid');
  const bind = `127.0.0.1:${portOf(await occupy(t))}`;
  const host = new Host(t, { pidFile, bind }, { env: { DEBUG: 'prefork:bind' } });
  await host.until(() => host.log.includes('attempt'), 'an attempt to bind');
  assert.equal(content(pidFile), `${host.pid}\n`);
  const [error] = await host.event('rejected');
  assert.equal(error.code, 'ERR_BIND');
  await host.exited();
  assert.equal(existsSync(pidFile), false);
});

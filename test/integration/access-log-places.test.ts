/* Where the access log goes: files, standard output, streams of the host, pipes that nobody reads, other users. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { LogFile, parse } from '../helpers/access-log.js';
import { classes } from '../helpers/classes.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const app = fixture('logged.js');

test('access_log: on standard output, a pipe', async (t) => {
  for (const { name, options } of classes()) {
    const host = new Host(t, { app, workers: 2, ...options, accessLog: true, logger: false });
    const url = await host.ready();
    for (let index = 0; index < 20; index++) await get(`${url}/bytes?n=${index}`);
    const lines = (): string[] => host.log.split('\n').filter((line) => line.startsWith('127.0.0.1 - '));
    await host.until(() => lines().length === 20, 'the lines');
    const sizes = lines().map((line) => parse(line).bytes);
    assert.deepEqual(
      sizes.toSorted((a, b) => a - b),
      Array.from({ length: 20 }, (_, index) => index),
      name,
    );
    await host.call('stop');
  }
});

test('access_log: a stream of the host gets whole lines, all of them at the stop', async (t) => {
  for (const { name, options } of classes()) {
    const log = new LogFile(t);
    const env = { STREAM: log.path };
    const host = new Host(t, { workers: 2, ...options }, { entry: 'stream-log-host.js', env });
    const url = await host.ready();
    await Promise.all(Array.from({ length: 200 }, (_, index) => get(`${url}/bytes?n=${index}`)));
    await host.call('stop');
    await host.exited();
    const sizes = log.lines().map(({ bytes }) => bytes);
    assert.deepEqual(
      sizes.toSorted((a, b) => a - b),
      Array.from({ length: 200 }, (_, index) => index),
      name,
    );
  }
});

for (const RETURNS of ['true', 'false']) {
  test(`access_log: an emitter with write() and end() alone gets whole lines, where write() returns ${RETURNS}`, async (t) => {
    for (const { name, options } of classes()) {
      const log = new LogFile(t);
      const env = { STREAM: log.path, RETURNS };
      const host = new Host(t, { workers: 2, ...options }, { entry: 'rotator-log-host.js', env });
      const url = await host.ready();
      await Promise.all(Array.from({ length: 50 }, (_, index) => get(`${url}/bytes?n=${index}`)));
      await host.call('stop');
      await host.exited();
      const sizes = log.lines().map(({ bytes }) => bytes);
      assert.deepEqual(
        sizes.toSorted((a, b) => a - b),
        Array.from({ length: 50 }, (_, index) => index),
        name,
      );
      const warnings = host.of('worker:warning').filter(({ args }) => args[1].code === 'access-log');
      assert.deepEqual(warnings, [], name);
    }
  });
}

for (const how of ['late', 'throws', 'both']) {
  test(`access_log: a stream of the host that fails ends no host, not behind the stop either: ${how}`, async (t) => {
    const host = new Host(t, { workers: 1, workerClass: 'async' }, { entry: 'failing-stream-host.js', args: [how] });
    await get(await host.ready());
    if (how === 'late') await host.until(() => host.log.includes('writing'), 'the write');
    else {
      const [error] = await host.event('error');
      assert.match(error.message, /the stream of the access log failed: no reader/);
    }
    await host.call('stop');
    assert.deepEqual(await host.exited(), { code: 0, signal: null }, host.log);
    assert.match(host.log, how === 'throws' ? /stopped/ : /the write has failed, and the host is there/);
  });
}

test('access_log: a host that lives by its Arbiter alone does not end in its stop behind a stream that takes nothing', async (t) => {
  const program = new Program(t, process.execPath, [fixture('full-stream-host.js')]);
  assert.deepEqual(await program.exited(), { code: 0, signal: null }, program.output);
  assert.match(program.output, /^stopped$/m);
});

for (const { name, options } of classes()) {
  test(`access_log: a pipe that nobody reads costs lines, each of which is counted, and no answer, ${name}`, async (t) => {
    const path = join(temporaryFolder(t), 'fifo');
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    t.after(() => closeSync(reader));
    const host = new Host(t, { app, workers: 1, ...options, accessLog: path });
    const url = await host.ready();
    const long = 'x'.repeat(3_000);
    const count = 200;
    for (let index = 0; index < count; index++) assert.equal((await get(`${url}/bytes?n=1&${long}`)).body, 'x');
    const [, warning] = await host.event('worker:warning', (_worker, { code }) => code === 'access-log');
    assert.match(warning.message, /of the access log could not be written, and (?:is|are) lost: nobody reads it/);
    // When the reader reads at last, it finds whole lines.
    const bytes = Buffer.alloc(1 << 20);
    let text = '';
    await host.call('stop').catch(() => undefined);
    await host.exited();
    for (let count = -1; count !== 0; ) {
      count = readSync(reader, bytes);
      text += bytes.toString('latin1', 0, count);
    }
    assert.ok(text.endsWith('\n'));
    const came = text.split('\n').slice(0, -1).map(parse).length;
    assert.ok(came > 10);
    const lost = host
      .of('worker:warning')
      .map(({ args }) => /^(?:a|(\d+)) lines? of the access log/.exec(args[1].message));
    const sum = lost.reduce((all, found) => all + (found ? Number(found[1] ?? 1) : 0), 0);
    assert.equal(came + sum, count, `${came} came, ${sum} were counted`);
  });
}

test('access_log: a file that cannot be opened fails the start', async (t) => {
  const host = new Host(t, { app, accessLog: join(temporaryFolder(t), 'missing', 'log') });
  const [error] = await host.event('rejected');
  assert.equal(error.code, 'ERR_ACCESS_LOG');
  assert.match(error.message, /ENOENT/);
});

test('access_log: one that cannot be opened anew is told, and the lines go on to the one before', async (t) => {
  const log = new LogFile(t);
  const host = new Host(t, { app, workers: 1, accessLog: log.path });
  const url = await host.ready();
  await get(url);
  await log.short(1);
  renameSync(join(log.path, '..'), `${join(log.path, '..')}-gone`);
  t.after(() => execFileSync('rm', ['-rf', `${join(log.path, '..')}-gone`]));
  host.kill('SIGUSR1');
  const [error] = await host.event('error');
  assert.match(error.message, /access log could not be opened anew/);
  await host.event('worker:warning', (_worker, { code }) => code === 'access-log');
  await get(url);
  const moved = join(`${join(log.path, '..')}-gone`, 'access.log');
  await eventually(() => readFileSync(moved, 'latin1').split('\n').length === 3, 'the second line');
});

const notRoot = process.getuid?.() !== 0 && 'needs root';

test('access_log: the file belongs to the workers, who open the next one by themselves', {
  skip: notRoot,
}, async (t) => {
  const log = new LogFile(t);
  // The workers cannot create files in this folder.
  chmodSync(join(log.path, '..'), 0o755);
  const host = new Host(t, { app, workers: 1, accessLog: log.path, user: 'nobody', cwd: '/' });
  const url = await host.ready();
  await get(url);
  await log.short(1);
  const { uid } = statSync(log.path);
  assert.notEqual(uid, 0);
  renameSync(log.path, `${log.path}.1`);
  host.kill('SIGUSR1');
  // The master creates the next file, and then gives it to the user of the workers.
  await eventually(() => existsSync(log.path) && statSync(log.path).uid === uid, 'the next file, given to the workers');
  await host.event('signal');
  await eventually(async () => {
    await get(url);
    return log.texts().length > 0;
  }, 'a line in the next file');
  assert.deepEqual(
    host.of('worker:warning').filter(({ args }) => args[1].code === 'access-log'),
    [],
    host.log,
  );
});

test('access_log: the file that has been moved away is closed by all threads and processes', async (t) => {
  for (const { name, options } of classes()) {
    const log = new LogFile(t);
    const host = new Host(t, { app, workers: 1, ...options, accessLog: log.path });
    await get(await host.ready());
    await log.short(1);
    renameSync(log.path, `${log.path}.1`);
    host.kill('SIGUSR1');
    const holders = [host.pid, ...host.workerPids];
    // A descriptor may be closed while `ls` lists them; then `ls` complains.
    const holds = (pid: number): boolean =>
      execFileSync('sh', ['-c', `ls -l /proc/${pid}/fd 2>&1; true`], { encoding: 'utf8' }).includes(`${log.path}.1`);
    await eventually(() => !holders.some(holds), `nobody has the file any more, ${name}`);
    await host.call('stop');
  }
});

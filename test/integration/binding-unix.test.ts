import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { Arbiter } from 'prefork';
import { type Address, getFrom } from '../helpers/address.js';
import { untilRefused, where } from '../helpers/connector.js';
import { fixture, Host } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { occupy, temporaryFolder } from '../helpers/place.js';

keepHosts();

const linux = { skip: existsSync('/proc/net/unix') ? false : 'this system does not tell what is bound' };

const modeOf = (path: string): number => lstatSync(path).mode & 0o777;

/** Leaves a socket file that nobody listens on, as a killed server does. */
function leaveSocket(path: string): void {
  const program = `net.createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  assert.equal(spawnSync(process.execPath, ['-e', program]).signal, 'SIGKILL');
  assert.ok(lstatSync(path).isSocket());
}

test('bind_unix_stale_file', async (t) => {
  const path = join(temporaryFolder(t), 'socket');
  leaveSocket(path);
  const host = new Host(t, { bind: `unix:${path}` }, { env: { DEBUG: 'prefork:bind' } });
  await host.event('ready');
  assert.equal((await getFrom(path)).body, 'hello');
  assert.doesNotMatch(host.log, /attempt/);
});

test('bind_unix_stale_file: the socket of a host that was killed', async (t) => {
  const bind = { path: join(temporaryFolder(t), 'socket') };
  const first = new Host(t, { bind });
  await first.event('ready');
  first.kill('SIGKILL');
  await first.exited();
  // The workers of the first host may not have noticed its death yet; the path is then in use for a moment.
  const second = new Host(t, { bind });
  await second.event('ready');
  const { body } = await getFrom(bind.path, '/pid');
  assert.ok((await second.workers()).some(({ pid }) => String(pid) === body));
});

test('bind_unix_in_use_refused', async (t) => {
  const bind = `unix:${join(temporaryFolder(t), 'socket')}`;
  const path = bind.slice('unix:'.length);
  const first = new Host(t, { bind, workers: 1 });
  await first.event('ready');
  const [{ pid } = { pid: 0 }] = await first.workers();
  const second = new Host(t, { bind });
  const [error] = await second.event('rejected');
  assert.equal(error.code, 'ERR_BIND');
  assert.match(error.message, new RegExp(`${bind}.*in use`));
  assert.deepEqual(await second.exited(), { code: 1, signal: null });
  assert.equal((await getFrom(path, '/pid')).body, String(pid));
});

test('bind_unix_in_use_refused: of two arbiters that start at once exactly one serves', async (t) => {
  const path = join(temporaryFolder(t), 'socket');
  const gate = await createLoadGate(t);
  const settings = { env: gate.env };
  const options = { bind: { path }, app: fixture('waits-to-load.js') };
  const first = new Host(t, options, settings);
  // The first host has bound by then, and its workers do not listen before the gate opens.
  await first.event('worker:spawn');
  const second = new Host(t, options, settings);
  await second.until(() => second.of('worker:spawn').length + second.of('rejected').length > 0, 'a bind or a refusal');
  gate.open();
  await first.event('ready');
  await second.until(() => second.of('ready').length + second.of('rejected').length > 0, 'an outcome');
  assert.deepEqual(
    second.of('rejected').map(({ args }) => args[0].code),
    ['ERR_BIND'],
  );
  const { body } = await getFrom(path, '/pid');
  assert.ok((await first.workers()).some(({ pid }) => String(pid) === body));
});

test('a file that is no socket is refused and left alone', async (t) => {
  const path = join(temporaryFolder(t), 'precious');
  writeFileSync(path, 'precious');
  const host = new Host(t, { bind: { path } });
  const [error] = await host.event('rejected');
  assert.equal(error.code, 'ERR_BIND');
  assert.match(error.message, /precious: .*not a socket/);
  assert.deepEqual(await host.exited(), { code: 1, signal: null });
  assert.equal(readFileSync(path, 'utf8'), 'precious');
});

test('a folder without permission', async (t) => {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o555);
  const host = new Host(t, { bind: { path: join(folder, 'socket') } }, { entry: 'nobody-host.js' });
  const [error] = await host.event('rejected');
  assert.equal(error.code, 'ERR_BIND');
  assert.match(error.message, new RegExp(`unix:${folder}/socket.*EACCES`));
  assert.deepEqual(await host.exited(), { code: 1, signal: null });
});

test('a folder that does not exist', async (t) => {
  const host = new Host(t, { bind: { path: join(temporaryFolder(t), 'none', 'socket') } });
  const [error] = await host.event('rejected');
  assert.equal(error.code, 'ERR_BIND');
  assert.match(error.message, /none\/socket: .*does not exist/);
});

test('the mode of a Unix socket, and its removal at the end', async (t) => {
  const path = join(temporaryFolder(t), 'socket');
  // The Arbiter runs in this process, since the end of a process removes the file anyway.
  for (const mode of [0o600, 0o777]) {
    const arbiter = new Arbiter({ bind: { path, mode }, app: fixture('app.js'), workers: 1 });
    t.after(() => arbiter.stop());
    await arbiter.start();
    assert.equal(modeOf(path), mode);
    assert.equal((await getFrom(path)).body, 'hello');
    await arbiter.stop();
    assert.equal(existsSync(path), false);
  }
});

test('bind_unix_stale_file: one whose connections live on, though nobody listens', async (t) => {
  const path = join(temporaryFolder(t), 'socket');
  const server = await occupy(t, { path });
  const client = connect(path);
  t.after(() => client.destroy());
  await Promise.all([once(client, 'connect'), once(server, 'connection')]);
  // Node removes the socket file that it has bound; other programs leave it.
  linkSync(path, `${path}.left`);
  server.close();
  renameSync(`${path}.left`, path);
  const host = new Host(t, { bind: { path } }, { env: { DEBUG: 'prefork:bind' } });
  await host.event('ready');
  assert.equal((await getFrom(path)).body, 'hello');
  assert.doesNotMatch(host.log, /attempt/);
  assert.equal(client.destroyed, false);
});

test('bind_unix_in_use_refused: by another name of the folder, before anybody listens', linux, async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'run'));
  symlinkSync('run', join(folder, 'var-run'));
  const gate = await createLoadGate(t);
  const app = fixture('waits-to-load.js');
  const host = new Host(t, { bind: { path: join(folder, 'run/é.sock') }, app }, { env: gate.env });
  await host.event('worker:spawn');
  const second = new Host(t, { bind: { path: join(folder, 'var-run/é.sock') }, app }, { env: gate.env });
  await second.until(() => second.of('worker:spawn').length + second.of('rejected').length > 0, 'a bind or a refusal');
  gate.open();
  await host.event('ready');
  await second.until(() => second.of('ready').length + second.of('rejected').length > 0, 'an outcome');
  assert.equal(second.of('rejected')[0]?.args[0].code, 'ERR_BIND');
  const { body } = await getFrom(join(folder, 'var-run/é.sock'), '/pid');
  assert.ok((await host.workers()).some(({ pid }) => String(pid) === body));
});

test('a socket file that cannot be removed at the end is left and told of, and everything else is undone', async (t) => {
  const folder = temporaryFolder(t);
  const [own, moved, pidFile] = ['own', 'moved', 'pid'].map((name) => join(folder, name)) as [string, string, string];
  mkdirSync(own);
  const host = new Host(t, { bind: [{ path: join(own, 'socket') }, '127.0.0.1:0'], pidFile, workers: 1 });
  await host.event('ready');
  const [, tcp] = (await host.call('addresses')) as Address[];
  // Each use of the old path now fails with ELOOP, also for root.
  renameSync(own, moved);
  symlinkSync('own', own);
  assert.equal((await getFrom(join(moved, 'socket'))).body, 'hello');
  host.kill('SIGTERM');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
  assert.deepEqual(
    host.of('error').map(({ args: [{ code }] }) => code),
    ['ERR_CLEANUP'],
  );
  assert.deepEqual([existsSync(join(moved, 'socket')), existsSync(pidFile)], [true, false]);
  await untilRefused(where(tcp as Address));
  // The socket file that was left is stale now.
  const next = new Host(t, { bind: { path: join(moved, 'socket') } });
  await next.event('ready');
  assert.equal((await getFrom(join(moved, 'socket'))).body, 'hello');
});

test('a host that ends without a stop leaves no Unix socket', async (t) => {
  const path = join(temporaryFolder(t), 'socket');
  const host = new Host(t, { bind: { path } });
  await host.event('ready');
  // A signal that the Arbiter does not know and the host does not handle.
  host.kill('SIGALRM');
  assert.deepEqual(await host.exited(), { code: null, signal: 'SIGALRM' });
  assert.equal(existsSync(path), false);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readdirSync, symlinkSync, watch, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { ask, tell } from '../helpers/control.js';
import { fixture, Host } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { pace } from '../helpers/pace.js';
import { freePort, temporaryFolder } from '../helpers/place.js';
import { Succession } from '../helpers/succession.js';

keepHosts();

const TOKEN = 'correct-horse-battery';
const impatient = { env: pace({ controlBind: 20 }) };
const linux = { skip: existsSync('/proc/net/unix') ? false : 'this system does not tell what is bound' };
const modeOf = (path: string): number => lstatSync(path).mode & 0o777;

test("control: the file is its user's from its first moment, and goes with the stop", async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'control');
  const seen = new Set<number>();
  const watcher = watch(folder, () => {
    const mode = lstatSync(path, { throwIfNoEntry: false })?.mode;
    if (mode !== undefined) seen.add(mode & 0o777);
  });
  t.after(() => watcher.close());
  const host = new Host(t, { control: `unix:${path}`, workers: 1 });
  await host.event('control');
  assert.equal(modeOf(path), 0o600);
  assert.equal(lstatSync(path).uid, process.getuid?.());
  assert.deepEqual([...seen], [0o600]);
  assert.deepEqual(readdirSync(folder), ['control']);
  await host.ready();
  await host.call('stop');
  await host.exited();
  assert.deepEqual(readdirSync(folder), []);
});

test('control: a mode that is asked for', async (t) => {
  const path = join(temporaryFolder(t), 'control');
  const host = new Host(t, { control: { path, mode: 0o660 }, workers: 1 });
  await host.event('control');
  assert.equal(modeOf(path), 0o660);
});

test('control: the path of a killed master is taken over, that of a living one is not', async (t) => {
  const path = join(temporaryFolder(t), 'control');
  const first = new Host(t, { control: `unix:${path}`, workers: 1 });
  await first.ready();
  const refused = new Host(t, { control: `unix:${path}`, workers: 1 }, impatient);
  const [error] = await refused.event('rejected');
  assert.equal(error.code, 'ERR_BIND');
  assert.match(error.message, /option 'control'.*in use already/);
  await refused.exited();
  assert.equal((await ask({ socketPath: path }, '/livez')).body.pid, first.pid);

  first.kill('SIGKILL');
  await first.exited();
  assert.ok(existsSync(path));
  const second = new Host(t, { control: `unix:${path}`, workers: 1 });
  await second.ready();
  assert.equal((await ask({ socketPath: path }, '/livez')).body.pid, second.pid);
});

for (const [what, make] of [
  ['a file', (path: string) => writeFileSync(path, 'precious')],
  ['a link', (path: string) => symlinkSync('/dev/null', path)],
] as const) {
  test(`control: ${what} in the way stays`, async (t) => {
    const path = join(temporaryFolder(t), 'control');
    make(path);
    const before = lstatSync(path).ino;
    const host = new Host(t, { control: `unix:${path}`, workers: 1 });
    const [error] = await host.event('rejected');
    assert.equal(error.code, 'ERR_BIND');
    assert.match(error.message, /is in the way, and not a socket/);
    await host.exited();
    assert.equal(lstatSync(path).ino, before);
  });
}

test('control: a socket that is bound is not taken, though nobody listens on it yet', linux, async (t) => {
  const path = join(temporaryFolder(t), 'socket');
  const gate = await createLoadGate(t);
  const first = new Host(t, { bind: { path }, app: fixture('waits-to-load.js'), workers: 1 }, { env: gate.env });
  await first.event('worker:spawn');
  const before = lstatSync(path).ino;
  const refused = new Host(t, { control: `unix:${path}`, workers: 1 }, impatient);
  const [error] = await refused.event('rejected');
  assert.equal(error.code, 'ERR_BIND');
  assert.match(error.message, /option 'control'.*in use already/);
  assert.equal(lstatSync(path).ino, before);
});

test('control: nor that of its own application, by another name of the folder', linux, async (t) => {
  const folder = temporaryFolder(t);
  const [own, link] = [join(folder, 'own'), join(folder, 'link')];
  mkdirSync(own);
  symlinkSync(own, link);
  const host = new Host(t, { bind: `unix:${own}/s`, control: `unix:${link}/s`, workers: 1 }, impatient);
  const [error] = await host.event('rejected');
  assert.equal(error.code, 'ERR_BIND');
  assert.match(error.message, /option 'control'.*in use already/);
  await host.exited();
  assert.deepEqual(readdirSync(own), []);
});

test('control: a host that exits without a stop removes the file', async (t) => {
  const path = join(temporaryFolder(t), 'control');
  const host = new Host(t, { control: `unix:${path}`, workers: 1, signals: { SIGTERM: false } });
  await host.ready();
  host.kill('SIGTERM');
  await host.exited();
  assert.equal(existsSync(path), false);
});

test('control: the token is in no log, no title and no figures', async (t) => {
  const env = { DEBUG: 'prefork:*' };
  const host = new Host(t, { control: { port: 0, token: TOKEN }, workers: 1 }, { env });
  await host.ready();
  const [address] = await host.event('control');
  const place = { host: address.address, port: address.port };
  const headers = { Authorization: `Bearer ${TOKEN}` };
  for (const path of ['/stats', '/readyz', '/history', '/'])
    assert.equal((await ask(place, path, { headers })).text.includes(TOKEN), false, path);
  assert.equal((await tell(place, '/scale?to=2', { headers })).status, 200);
  await host.call('stop');
  await host.exited();
  // The options, with the token, are an argument of this test's host only.
  assert.equal(host.log.replaceAll(/^.*\/host\.js .*$/gm, '').includes(TOKEN), false);
});

test('control: a port in use fails the start', async (t) => {
  const port = await freePort(t);
  const first = new Host(t, { control: { port, token: TOKEN }, workers: 1 });
  await first.event('control');
  const second = new Host(t, { control: { port, token: TOKEN }, workers: 1 }, impatient);
  const [error] = await second.event('rejected');
  assert.equal(error.code, 'ERR_BIND');
  assert.match(error.message, new RegExp(`the control at 127.0.0.1:${port} \\(option 'control'\\)`));
});

test('control: a stop while an address is tried again is not held up by a path in use', async (t) => {
  const folder = temporaryFolder(t);
  const [address, control] = [join(folder, 'socket'), join(folder, 'control')];
  const taken = [address, control].map((path) => createServer().listen(path));
  t.after(() => {
    for (const server of taken) server.close();
  });
  await Promise.all(taken.map((server) => once(server, 'listening')));
  // Longer than this test would wait.
  const env = { ...pace({ controlBind: 600_000 }), DEBUG: 'prefork:bind' };
  const host = new Host(t, { bind: `unix:${address}`, control: `unix:${control}`, workers: 1 }, { env });
  await host.until(() => host.log.includes('is in use, attempt 1'), 'the first attempt');
  taken[0]?.close();
  await host.call('stop');
  await host.exited();
});

test('control: USR2 while a path is in use is obeyed when all is open', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'control');
  const other = createServer().listen(path);
  await once(other, 'listening');
  t.after(() => other.close());
  const env = pace({ controlBind: 2_000 });
  const succession = await Succession.start(t, [{ control: `unix:${path}`, workers: 1 }], { env });
  // The guard is started after the signal handlers are in place.
  await succession.until(() => succession.hosts.length === 1 && succession.living().length === 2, 'the guard');
  const old = succession.newest;
  process.kill(old, 'SIGUSR2');
  await succession.event('signal', old);
  assert.deepEqual(succession.of('control'), []);
  other.close();
  const { args } = await succession.event('upgrade', old);
  assert.deepEqual(succession.hosts, [old, args[0]]);
});

test('control: an upgrade has the older process keep the path, and the new one take it', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'control');
  const succession = await Succession.start(t, [{ control: `unix:${path}`, workers: 1 }]);
  const old = await succession.ready();
  const pidAt = async (socketPath: string): Promise<number> => (await ask({ socketPath }, '/livez')).body.pid;
  const { status, body } = await tell({ socketPath: path }, '/upgrade');
  assert.equal(status, 200);
  const next = body.pid;
  assert.deepEqual([await pidAt(path), await pidAt(`${path}.2`)], [old, next]);
  assert.equal(modeOf(`${path}.2`), 0o600);

  // The new process is rejected: nothing of it is left, and the old process may try again.
  await tell({ socketPath: `${path}.2` }, '/stop');
  await succession.until(() => !existsSync(`${path}.2`), 'the end of the new one');
  await succession.until(async () => (await tell({ socketPath: path }, '/upgrade')).status === 200, 'another one');
  const third = await pidAt(`${path}.2`);
  assert.notEqual(third, next);

  assert.equal((await tell({ socketPath: path }, '/stop')).status, 202);
  await succession.until(async () => (await pidAt(path).catch(() => 0)) === third, 'the new one at the path');
  assert.equal(existsSync(`${path}.2`), false);
  // The old process ends last, and its end has removed nothing.
  await succession.until(() => succession.living().every(({ pid }) => pid !== old), 'the end of the old one');
  assert.equal(await pidAt(path), third);
  await succession.end(third);
  assert.deepEqual(readdirSync(folder), []);
  assert.deepEqual(succession.of('error'), []);
});

test('control: an upgrade with a port: the new process has it when the old one has ended', async (t) => {
  const port = await freePort(t);
  const succession = await Succession.start(t, [{ control: { port, token: TOKEN }, workers: 1 }]);
  const old = await succession.ready();
  const headers = { Authorization: `Bearer ${TOKEN}` };
  const place = { host: '127.0.0.1', port };
  const pidThere = async (): Promise<number> => (await ask(place, '/livez', { headers })).body.pid;
  const next = await succession.upgrade(old);
  assert.equal(await pidThere(), old);
  await succession.end(old, 'SIGKILL');
  await succession.until(async () => (await pidThere().catch(() => 0)) === next, 'the new one at the port');
  await succession.end(next);
  assert.deepEqual(succession.of('error'), []);
});

test('control: an upgrade that fails leaves the control as it was', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'control');
  const succession = await Succession.start(t, [{ control: `unix:${path}`, workers: 1 }]);
  const old = await succession.ready();
  succession.deploy('throws');
  const { status, body } = await tell({ socketPath: path }, '/upgrade');
  assert.deepEqual([status, body.error.code], [500, 'ERR_UPGRADE_FAILED']);
  assert.deepEqual(readdirSync(folder), ['control']);
  assert.equal((await ask({ socketPath: path }, '/livez')).body.pid, old);
});

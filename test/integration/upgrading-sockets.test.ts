/* What an upgrade hands on: the sockets of each Arbiter, whatever they came from. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { fixture } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { occupy, portOf } from '../helpers/place.js';
import { Succession } from '../helpers/succession.js';

test('all Arbiters of a host are handed over, each with its own port, also those without sockets', async (t) => {
  const apps = ['1', '2', '3'].map((name) => ({ name, app: `${pathToFileURL(fixture('names.js'))}?${name}` }));
  // A name that is looked up is bound later than an address.
  const binds = ['localhost:0', '127.0.0.1:0', '127.0.0.1:0'];
  const options = apps.map((own, index) => ({ ...own, bind: binds[index] as string, workers: 1 }));
  const idle = { name: '4', bind: [], workerClass: `${fixture('idle-worker.js')}#IdleWorker`, workers: 1 };
  const succession = await Succession.start(t, [...options, idle]);
  const old = await succession.ready(4);
  const urls = await Promise.all(options.map((_, index) => succession.url(old, index)));
  const next = await succession.upgrade(old);
  await succession.event('ready', next, 4);
  await succession.until(() => succession.of('upgrade', old).length === 4, 'each Arbiter to tell of it');
  await succession.end(old);
  for (const [index, { name }] of options.entries()) {
    assert.equal(await succession.url(next, index), urls[index]);
    assert.equal((await get(urls[index] as string)).body, name);
  }
  assert.deepEqual(succession.of('error'), []);
  await succession.end(next);
  await succession.extinct();
});

test('an inherited socket is handed over, again and again', async (t) => {
  const socket = await occupy(t);
  const { _handle: handle } = socket as unknown as { _handle: { fd: number } };
  const succession = await Succession.start(t, [{ workers: 1, bind: 'fd://3', app: fixture('app.js') }], {
    descriptors: [handle.fd],
  });
  const url = `http://127.0.0.1:${portOf(socket)}`;
  let pid = await succession.ready();
  socket.close();
  await once(socket, 'close');
  for (let round = 0; round < 2; round++) {
    const next = await succession.upgrade(pid);
    await succession.end(pid);
    assert.equal((await get(url)).body, 'hello');
    pid = next;
  }
  await succession.end(pid);
  await succession.extinct();
});

test('all sockets that a service manager has passed are handed over', async (t) => {
  const sockets = [await occupy(t), await occupy(t)];
  const descriptors = sockets.map((socket) => (socket as unknown as { _handle: { fd: number } })._handle.fd);
  const activate = 'export LISTEN_PID=$$ LISTEN_FDS=2; exec "$0" "$@"';
  const command = ['/bin/sh', '-c', activate, process.execPath, fixture('succession-host.js')];
  const settings = { command, descriptors };
  const succession = await Succession.start(t, [{ workers: 1, bind: 'systemd', app: fixture('app.js') }], settings);
  const old = await succession.ready();
  const urls = sockets.map((socket) => `http://127.0.0.1:${portOf(socket)}`);
  for (const socket of sockets) socket.close();
  const next = await succession.upgrade(old);
  await succession.end(old);
  for (const url of urls) assert.equal((await get(url)).body, 'hello');
  await succession.end(next);
});

test('a host without any socket is upgraded', async (t) => {
  const options = { bind: [], workerClass: `${fixture('idle-worker.js')}#IdleWorker`, workers: 1 };
  const succession = await Succession.start(t, [options]);
  const old = await succession.ready();
  const next = await succession.upgrade(old);
  await succession.end(old);
  assert.equal(await succession.call(next, 'state'), 'running');
});

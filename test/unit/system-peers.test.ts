import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import { localName, type Peer } from '../../dist/system/peers.js';
import { temporaryFolder } from '../helpers/place.js';

const linuxOnly = { skip: process.platform !== 'linux' && 'needs /proc' };
const fdOf = (handle: Socket | Server): number => (handle as unknown as { _handle: { fd: number } })._handle.fd;
/** Asked by another thread than the one that has them open, as a watchdog does. */
async function peersOf(fds: readonly number[], listening: readonly number[]): Promise<[number, Peer][]> {
  const asking = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.module).then(({ peersOf }) => parentPort.postMessage([...peersOf(...workerData.args)]));
    setInterval(() => undefined, 2 ** 30);`;
  const module = new URL('../../dist/system/peers.js', import.meta.url).href;
  const thread = new Worker(asking, { eval: true, workerData: { module, args: [fds, listening] } });
  const [peers] = await once(thread, 'message');
  // Its end would close what it has looked at; that of a watchdog is that of its process.
  thread.unref();
  return peers;
}

/** A server, a connection that it accepted, and the client's end of it. */
async function connected(t: TestContext, where: { host: string; port: number } | { path: string }) {
  const server = createServer().listen(where);
  t.after(() => server.close());
  await once(server, 'listening');
  const client = connect('path' in where ? where : { ...where, port: (server.address() as AddressInfo).port });
  const [accepted] = (await once(server, 'connection')) as [Socket];
  t.after(() => [client, accepted].forEach((socket) => void socket.destroy()));
  return { server, client, accepted };
}

for (const host of ['127.0.0.1', '::1']) {
  test(`who is at the other end of a connection to ${host}`, linuxOnly, async (t) => {
    const { server, accepted } = await connected(t, { host, port: 0 });
    assert.deepEqual(await peersOf([fdOf(accepted)], [fdOf(server)]), [[fdOf(accepted), { address: host }]]);
  });
}

test('an IPv4 client of an IPv6 socket is named as Node names it', linuxOnly, async (t) => {
  const server = createServer().listen(0, '::');
  t.after(() => server.close());
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  t.after(() => [client, accepted].forEach((socket) => void socket.destroy()));
  assert.equal(accepted.remoteAddress, '::ffff:127.0.0.1');
  assert.deepEqual(await peersOf([fdOf(accepted)], [fdOf(server)]), [
    [fdOf(accepted), { address: '::ffff:127.0.0.1' }],
  ]);
});

test('the name of a listening socket holds when it is closed: its port, or its path as the tables print it', () => {
  assert.equal(localName({ address: '::1', family: 'IPv6', port: 8080 }), ':8080');
  assert.equal(localName('/run/sócket'), '/run/s\u00c3\u00b3cket');
});

test('a Unix socket has no address', linuxOnly, async (t) => {
  const { server, accepted } = await connected(t, { path: join(temporaryFolder(t), 's') });
  assert.deepEqual(await peersOf([fdOf(accepted)], [fdOf(server)]), [[fdOf(accepted), { address: undefined }]]);
});

test(
  'what is no connection of that socket is none: a file, a client, a connection of another server, nothing',
  linuxOnly,
  async (t) => {
    const [one, other] = [
      await connected(t, { host: '127.0.0.1', port: 0 }),
      await connected(t, { host: '127.0.0.1', port: 0 }),
    ];
    const file = openSync('/dev/null', 'r');
    t.after(() => closeSync(file));
    const fds = [file, fdOf(one.client), fdOf(other.accepted), 60_000];
    assert.deepEqual(await peersOf(fds, [fdOf(one.server)]), []);
    assert.deepEqual(await peersOf(fds, [file]), []);
  },
);

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { inodeOf, peersOf } from '../../dist/system/peers.js';
import { temporaryFolder } from '../helpers/place.js';

const linuxOnly = { skip: process.platform !== 'linux' && 'needs /proc' };
const fdOf = (handle: Socket | Server): number => (handle as unknown as { _handle: { fd: number } })._handle.fd;
const peer = (accepted: Socket, address: string | undefined) => ({ address, inode: inodeOf(fdOf(accepted)) });

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
    assert.deepEqual([...peersOf([fdOf(accepted)], [fdOf(server)])], [[fdOf(accepted), peer(accepted, host)]]);
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
  assert.deepEqual(peersOf([fdOf(accepted)], [fdOf(server)]).get(fdOf(accepted)), peer(accepted, '::ffff:127.0.0.1'));
});

test('a Unix socket has no address', linuxOnly, async (t) => {
  const { server, accepted } = await connected(t, { path: join(temporaryFolder(t), 's') });
  assert.deepEqual([...peersOf([fdOf(accepted)], [fdOf(server)])], [[fdOf(accepted), peer(accepted, undefined)]]);
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
    assert.deepEqual([...peersOf(fds, [fdOf(one.server)])], []);
    assert.deepEqual([...peersOf(fds, [file])], []);
  },
);

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { Arbiter } from 'prefork';
import { type Address, getFrom } from '../helpers/address.js';
import { fixture, Host } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { freePort, occupy, portOf, temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';

keepHosts();

const DEBUG = { env: { DEBUG: 'prefork:bind' } };
const attempts = (host: Host): number => host.log.match(/attempt \d of 5/g)?.length ?? 0;
const addresses = (host: Host): Promise<Address[]> => host.call('addresses') as Promise<Address[]>;

/** The error of the refusal that ended a host. Asserts that the host never listened. */
async function refused(host: Host): Promise<{ code: string; message: string; cause: { code?: string } }> {
  const [error] = await host.event('rejected');
  assert.deepEqual(await host.exited(), { code: 1, signal: null });
  assert.equal(error.code, 'ERR_BIND', error.stack);
  assert.equal(host.of('listening').length, 0);
  return error;
}

test('bind_in_use', async (t) => {
  const port = portOf(await occupy(t));
  const started = performance.now();
  const host = new Host(t, { bind: `127.0.0.1:${port}` }, DEBUG);
  const error = await refused(host);
  assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}.*EADDRINUSE`));
  assert.equal(error.cause.code, 'EADDRINUSE');
  // Each attempt but the last is logged, and a second lies between two of them; timers may be early by 1 ms.
  assert.equal(attempts(host), 4);
  assert.ok(performance.now() - started >= 4 * 999);
  assert.equal(host.of('worker:spawn').length, 0);
});

test('bind_in_use: a predecessor that lets go in time is succeeded', async (t) => {
  const predecessor = await occupy(t);
  const host = new Host(t, { bind: `127.0.0.1:${portOf(predecessor)}` }, DEBUG);
  host.child.stderr?.on('data', () => {
    if (attempts(host) >= 2) predecessor.close();
  });
  const url = await host.ready();
  assert.equal(await (await fetch(url)).text(), 'hello');
  // There may be one attempt more, if it came before this process had read about the second.
  assert.ok(attempts(host) === 2 || attempts(host) === 3, host.log);
});

test('bind_in_use: of two arbiters that start at once exactly one serves', async (t) => {
  const bind = `127.0.0.1:${await freePort(t)}`;
  // Both hosts have bound when both have workers, and no worker listens before the gate opens.
  const gate = await createLoadGate(t);
  const hosts = [1, 2].map(() => new Host(t, { bind, app: fixture('waits-to-load.js') }, { env: gate.env }));
  await Promise.all(hosts.map((host) => host.event('worker:spawn')));
  gate.open();
  const outcomes = await Promise.all(
    hosts.map(async (host) => {
      await host.until(() => host.of('ready').length + host.of('rejected').length > 0, 'an outcome');
      return host.of('ready').length > 0 ? 'serves' : 'refused';
    }),
  );
  assert.deepEqual(outcomes.toSorted(), ['refused', 'serves']);
  const loser = hosts[outcomes.indexOf('refused')] as Host;
  const winner = hosts[outcomes.indexOf('serves')] as Host;
  assert.match((await refused(loser)).message, new RegExp(`${bind}.*EADDRINUSE`));
  const { body } = await getFrom((await addresses(winner))[0] as Address, '/pid');
  assert.ok((await winner.workers()).some(({ pid }) => String(pid) === body));
});

test('an address that this machine does not have, and a host name that nobody knows', async (t) => {
  const [elsewhere, unknown] = await Promise.all(
    ['192.0.2.1:0', 'no-such-host.invalid:0'].map((bind) => refused(new Host(t, { bind }))),
  );
  assert.match(elsewhere?.message ?? '', /192\.0\.2\.1:0.*EADDRNOTAVAIL/);
  assert.match(unknown?.message ?? '', /no-such-host\.invalid:0/);
});

test('a failed address takes the ones before it with it', async (t) => {
  const taken = portOf(await occupy(t));
  const path = join(temporaryFolder(t), 'socket');
  const free = await freePort(t);
  // The Arbiter runs in this process, since the end of a process would free the addresses anyway.
  const bind = [`127.0.0.1:${free}`, `unix:${path}`, `127.0.0.1:${taken}`];
  const arbiter = new Arbiter({ bind, app: fixture('app.js') });
  await assert.rejects(arbiter.run(), { code: 'ERR_BIND', message: new RegExp(`127\\.0\\.0\\.1:${taken}`) });
  await occupy(t, { port: free });
  await occupy(t, { path });
});

test('port 0: the system chooses, and the address says what', async (t) => {
  const host = new Host(t, { bind: { host: '127.0.0.1', port: 0 } });
  await host.ready();
  const [address] = (await addresses(host)) as AddressInfo[];
  assert.equal(address?.address, '127.0.0.1');
  assert.ok((address?.port ?? 0) > 0);
  assert.deepEqual(host.of('listening')[0]?.args, [address]);
  assert.equal((await getFrom(address as AddressInfo)).body, 'hello');
});

test('IPv6', async (t) => {
  const host = new Host(t, { bind: '[::1]:0' });
  await host.ready();
  const [address] = (await addresses(host)) as AddressInfo[];
  assert.equal(address?.family, 'IPv6');
  assert.equal((await getFrom(address as AddressInfo)).body, 'hello');
});

test('a host name', async (t) => {
  const host = new Host(t, { bind: 'localhost:0' });
  await host.ready();
  const [address] = (await addresses(host)) as AddressInfo[];
  assert.ok(['127.0.0.1', '::1'].includes(address?.address ?? ''), address?.address);
  assert.equal((await getFrom(address as AddressInfo)).body, 'hello');
});

test('no host: every address, IPv4 and IPv6', async (t) => {
  const host = new Host(t, { bind: ':0' });
  await host.ready();
  const [{ port } = { port: 0 }] = (await addresses(host)) as AddressInfo[];
  for (const address of ['127.0.0.1', '::1']) assert.equal((await getFrom({ address, port })).body, 'hello');
});

test('several addresses are all served by every worker', async (t) => {
  const path = join(temporaryFolder(t), 'socket');
  const host = new Host(t, { bind: ['127.0.0.1:0', `unix:${path}`, '127.0.0.1:0'], workers: 1 });
  await host.ready();
  const all = await addresses(host);
  assert.equal(all.length, 3);
  assert.equal(all[1], path);
  assert.deepEqual(
    host.of('listening').flatMap(({ args }) => args),
    all,
  );
  const [{ pid } = { pid: 0 }] = await host.workers();
  for (let round = 0; round < 3; round++) {
    for (const address of all) assert.equal((await getFrom(address, '/pid')).body, String(pid));
  }
  host.kill('SIGTERM');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
});

test('an inherited socket is served', async (t) => {
  // As in socket activation, the socket listens before the host is there.
  const socket = await occupy(t);
  const { _handle: handle } = socket as unknown as { _handle: { fd: number } };
  const options = { bind: 'fd://3', workers: 2, app: fixture('app.js') };
  const host = new Program(t, process.execPath, [fixture('host.js'), JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'pipe', handle.fd],
  });
  const port = portOf(socket);
  // This closes only the descriptor of this process.
  socket.close();
  await once(socket, 'close');
  const address = { address: '127.0.0.1', port };
  assert.equal((await getFrom(address)).body, 'hello');
  assert.equal((await getFrom(address)).body, 'hello');
  process.kill(host.pid, 'SIGTERM');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
});

test('a descriptor that is no listening socket', async (t) => {
  // In the host, 0 is /dev/null, 1 a connected socket to this process, and 77 is not open.
  for (const [fd, why] of [
    [0, /not a socket/],
    [1, /./],
    [77, /EBADF/],
  ] as const) {
    const error = await refused(new Host(t, { bind: { fd } }));
    assert.match(error.message, new RegExp(`fd://${fd}: `));
    assert.match(error.message, why);
  }
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { FD } from '../../build/protocol/spec.js';
import { ODD_WAYS, WAYS } from '../fixtures/starts-children.js';
import { isNonBlocking, target } from '../helpers/descriptors.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { temporaryFolder } from '../helpers/place.js';
import { eventually } from '../helpers/wait.js';

const linuxOnly = { skip: process.platform !== 'linux' && 'needs /proc' };
const APP = fixture('starts-children.js');
const query = (way: string, file = '/dev/null'): string => `/?${new URLSearchParams({ way, file })}`;

for (const [name, ways] of [
  ['grandchild_inherits_no_socket', WAYS],
  ['grandchild_inherits_no_socket: by a handle, and from a thread', ODD_WAYS],
] as const) {
  test(name, linuxOnly, async (t) => {
    const folder = temporaryFolder(t);
    // Two addresses: the second socket is not fd 0.
    const host = new Host(t, { app: APP, workers: 1, bind: ['127.0.0.1:0', { path: join(folder, 'socket') }] });
    const url = await host.ready();
    const [{ pid }] = (await host.workers()) as unknown as [{ pid: number }];
    const sockets = [target(pid, 0), target(pid, FD.EXTRA_SOCKETS)];
    for (const socket of sockets) assert.match(socket, /^socket:/);
    for (const way of Object.keys(ways)) {
      await t.test(way, async () => {
        const file = join(folder, String(Object.keys(ways).indexOf(way)));
        const answer = await get(url + query(way, file));
        const { descriptors, ...told } = JSON.parse(readFileSync(file, 'utf8'));
        assert.deepEqual(
          Object.entries<string>(descriptors).filter(([, name]) => sockets.includes(name)),
          [],
        );
        assert.deepEqual(JSON.parse(answer.body), { pid, nonBlocking: true });
        // The grandchild is no worker, and nothing of this library runs in it.
        assert.deepEqual(told, { execArgv: [], isWorker: false });
      });
    }
    assert.equal(host.of('worker:exit').length, 0);
  });
}

test('grandchild_inherits_no_socket: siblings never freeze', linuxOnly, async (t) => {
  const gate = await createLoadGate(t);
  const options = { app: fixture('holds-a-child.js'), workers: 8, gracefulTimeout: 25_000 };
  const host = new Host(t, options, { env: gate.env });
  const url = await host.ready();
  const held = get(`${url}/hold`);
  await eventually(() => gate.waiting === 1, 'the child of a worker');
  for (const { pid } of await host.workers()) assert.ok(isNonBlocking(pid as number, 0));
  // Several of the other seven workers wake for this one connection, and all but one find it gone. No other connection
  // comes. A worker that waited for one in accept(2) would not hear the order to end, and would be killed.
  assert.equal((await get(url)).body, 'hello');
  host.kill('SIGTERM');
  await host.until(() => host.of('worker:exit').length === 7, 'the exits of all others');
  gate.open();
  assert.equal((await held).body, 'the child has ended');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
  const exits = host.of('worker:exit').map(({ args: [, exit] }) => exit);
  assert.deepEqual(exits, Array(8).fill({ code: 0, signal: null, reason: 'stop' }));
});

test('the standard input of a worker is empty', async (t) => {
  const host = new Host(t, { app: fixture('reads-stdin.js'), workers: 1 });
  const url = await host.ready();
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(JSON.parse((await get(url)).body), { text: '', isTTY: false });
  }
});

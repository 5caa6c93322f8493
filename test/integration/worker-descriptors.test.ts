import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { ArbiterOptions } from 'prefork';
import { type ClassUnderTest, classes } from '../helpers/classes.js';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { limitedNode } from '../helpers/limited-node.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { eventually } from '../helpers/wait.js';

/*
 * A worker that has used up its file descriptors. The kernel still completes handshakes. When libuv has no descriptor
 * to accept with, it closes each connection that comes.
 */

const linuxOnly = { skip: process.platform !== 'linux' && 'the limit is found in /proc' };
/** Each thread of Node opens all modules at once that it has heard of. */
const LIMIT = 250;

interface More {
  readonly options?: Partial<ArbiterOptions>;
  readonly env?: NodeJS.ProcessEnv;
  readonly limit?: number;
}

function leaking(t: TestContext, { options }: ClassUnderTest, { options: more, env, limit = LIMIT }: More = {}): Host {
  const all = { app: fixture('leaks.js'), workers: 2, ...options, ...more };
  return new Host(t, all, { execPath: limitedNode(t, limit), ...(env && { env }) });
}

/**
 * Sends so many requests, each on a connection of its own, ten at once. Rejects when one is reset; returns who
 * answered.
 */
async function load(url: string, count: number): Promise<Set<string>> {
  const servers = new Set<string>();
  let left = count;
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const { status, body } = await get(`${url}/`);
      assert.equal(status, 200);
      servers.add(body);
    }
  };
  await Promise.all(Array.from({ length: 10 }, client));
  return servers;
}

/**
 * Resolves when all threads of the worker have heard of its shortage. One that was woken for the client of another, and
 * has no CPU yet, would accept the next client without a descriptor. The shortage and the message come by the same port.
 */
async function allHaveHeard(host: Host): Promise<void> {
  const [{ id }] = await host.event('worker:error');
  await host.call('send', id, 'is it heard?');
}

/** The worker has been replaced: it said why, its replacement was ready before it ended, and it ended well. */
async function assertReplaced(host: Host, pid: number, { name }: { readonly name: string }): Promise<void> {
  const [worker] = await host.event('worker:exit', (of) => of.pid === pid);
  const [, exit] = host.of('worker:exit').find(({ args: [of] }) => of.pid === pid)?.args ?? [];
  assert.deepEqual(exit, { code: 0, signal: null, reason: 'recycle' });
  const errors = host.of('worker:error').filter(({ args: [of] }) => of.pid === pid);
  assert.deepEqual(
    errors.map(({ args: [, { code }] }) => code),
    ['ERR_WORKER_DESCRIPTORS'],
  );
  const message: string = errors[0]?.args[1].message ?? '';
  assert.match(message, /^it accepts no more, and is to be replaced: \d+ of 250 descriptors are open: /);
  const isUnlisted = / there is none left to list them with$/.test(message);
  // Another thread may go on taking them.
  if (name !== 'threaded' || !isUnlisted)
    assert.match(message, /: \d+ files \(\d+ times \/dev\/null\), .*\d+ sockets?/);
  const at = (event: string, holds: (of: { id: number; age: number; pid: number }) => boolean): number =>
    host.events.findIndex((seen) => seen.event === event && holds(seen.args[0]));
  const ready = at('worker:ready', ({ id, age }) => id === worker.id && age > worker.age);
  assert.ok(ready >= 0 && ready < at('worker:exit', (of) => of.pid === pid), 'the replacement was ready first');
  const { totals } = await host.stats();
  assert.deepEqual([totals.crashes, totals.respawns], [0, 0]);
}

for (const each of classes()) {
  test(
    `worker_descriptors: one request takes all, no client is lost, and the worker is replaced: ${each.name}`,
    linuxOnly,
    async (t) => {
      const host = leaking(t, each);
      const url = await host.ready();
      const [pid, refused] = (await get(`${url}/leak`)).body.split(' ');
      assert.equal(refused, 'EMFILE');
      if (each.name === 'threaded') await allHaveHeard(host);
      await load(url, 60);
      await assertReplaced(host, Number(pid), each);
      assert.ok(!(await load(url, 30)).has(String(pid)));
    },
  );

  test(`worker_descriptors: each request takes some, and no client is lost: ${each.name}`, linuxOnly, async (t) => {
    const host = leaking(t, each, { env: { LEAKS: '5' } });
    const url = await host.ready();
    for (let round = 0; round < 20 && host.of('worker:exit').length < 2; round++) await load(url, 40);
    await host.until(() => host.of('worker:exit').length >= 2, 'two workers that were replaced');
    for (const { args } of host.of('worker:exit').slice(0, 2)) await assertReplaced(host, args[0].pid, each);
  });

  test(
    `worker_descriptors: without another worker clients wait for the replacement, and the short one lives on: ${each.name}`,
    linuxOnly,
    async (t) => {
      const gate = await createLoadGate(t);
      gate.open();
      const host = leaking(t, each, { options: { workers: 1 }, env: { LOAD_GATE: gate.env.GATE } });
      const url = await host.ready();
      gate.close();
      const pid = Number((await get(`${url}/leak`)).body.split(' ')[0]);
      await allHaveHeard(host);
      const answers = load(url, 20);
      await host.until(() => gate.waiting > 0 || host.of('worker:exit').length > 0, 'the replacement');
      // The old worker goes on sampling, which needs a descriptor on Node 20.
      const ticks = host.of('worker:message').length;
      await host.until(() => host.of('worker:message').length >= ticks + 3, 'three seconds of the old one');
      assert.equal(host.of('worker:exit').length, 0);
      gate.open();
      assert.ok(!(await answers).has(String(pid)));
      await assertReplaced(host, pid, each);
    },
  );
}

test(
  'worker_descriptors: a worker whose clients have most of them waits until some have left',
  linuxOnly,
  async (t) => {
    const [async] = classes().filter(({ name }) => name === 'async') as [ClassUnderTest];
    const host = leaking(t, async, { options: { workers: 1, keepAlive: 60_000 } });
    const url = await host.ready();
    const clients: RawClient[] = [];
    const answered = (client: RawClient): boolean => client.received.includes('\r\n\r\n');
    while (host.of('worker:warning').length === 0 && clients.length < LIMIT) {
      const client = (await RawClient.connect(t, url)).get('/');
      clients.push(client);
      await eventually(() => answered(client) || host.of('worker:warning').length > 0, 'an answer, or a warning');
    }
    const [, warning] = await host.event('worker:warning');
    assert.equal(warning.code, 'descriptors');
    assert.match(warning.message, /^\d+ of 250 descriptors are open: \d+ sockets, .*\. Most are clients: /);
    const late = (await RawClient.connect(t, url)).get('/');
    for (const client of clients.splice(0, 60)) client.leave();
    await late.until((received) => received.includes('200 OK'), 'an answer when there is room');
    for (const client of clients) assert.ok(answered(client) && !client.closed);
    assert.deepEqual([host.of('worker:error').length, host.of('worker:exit').length], [0, 0]);
  },
);

/* Applications with init(), getHttpServer() and close(). The real Nest is in test/apps. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { isTried } from '../helpers/amount.js';
import type { ClassUnderTest } from '../helpers/classes.js';
import { classes } from '../helpers/classes.js';
import { fixture, Host, type HostOptions, type HostSettings } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

function start(t: TestContext, way: string, options: HostOptions = {}, settings: HostSettings = {}): Host {
  const app = fixture('nest-like.js');
  return new Host(t, { workers: 1, app, ...options }, { env: { WAY: way }, ...settings });
}

/** What the application has printed. */
const told = (host: Host): string[] => host.log.match(/(?:held|answered|closed) in thread \d/g) ?? [];

/** Threads are counted from 1. */
const threadsOf = ({ name }: ClassUnderTest): readonly number[] => (name === 'threaded' ? [1, 2] : [0]);

for (const [number, tried] of classes().entries()) {
  for (const entry of ['host.js', 'inline-host.js']) {
    test(`initialised once, served with its upgrades, closed once: ${tried.name}, ${entry}`, async (t) => {
      const host = start(t, '', tried.options, { entry });
      const url = await host.ready();
      assert.equal((await get(url)).body, 'initialised 1');
      assert.equal((await get(`${url}/fails`)).status, 500);
      if (tried.name === 'async') {
        const client = await RawClient.connect(t, url);
        client.send('GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: words\r\n\r\n');
        assert.match(await client.all(), /^HTTP\/1\.1 101 .*upgraded$/s);
      }
      await host.call('reload');
      assert.equal((await get(url)).body, 'initialised 1');
      await host.call('stop');
      const closed = threadsOf(tried).map((thread) => `closed in thread ${thread}`);
      // The output of a worker comes by another way than the answer of the master.
      await host.until(() => told(host).length >= 2 * closed.length, 'the last words of both workers');
      assert.deepEqual(told(host).sort(), [...closed, ...closed].sort(), host.log);
      // The application takes upgrades, and only one of the classes passes it any.
      const codes = new Set(host.of('worker:warning').map(({ args }) => args[1].code));
      assert.deepEqual([...codes], tried.name === 'async' ? [] : ['server']);
    });
  }

  test(`closed behind the last answer: ${tried.name}`, async (t) => {
    const host = start(t, '', tried.name === 'threaded' ? { ...tried.options, threads: 1 } : tried.options);
    const url = await host.ready();
    const answer = get(`${url}/held`);
    await host.until(() => told(host).length > 0, 'a request that is held');
    await host.call('stop');
    assert.equal((await answer).body, 'initialised 1');
    await host.until(() => told(host).length >= 3, 'the last words of the worker');
    assert.deepEqual(
      told(host).map((line) => line.split(' ')[0]),
      ['held', 'answered', 'closed'],
    );
  });

  test(`a close() that fails is told, and ends the worker: ${tried.name}`, async (t) => {
    const host = start(t, 'close fails', tried.options);
    await host.ready();
    await host.call('stop');
    const [, error] = host.of('worker:error')[0]?.args ?? [];
    assert.match(error?.message ?? host.log, /the database is gone/);
    assert.equal(host.of('worker:exit').length, 1);
  });

  test(`a close() that hangs is ended with the time of the drain: ${tried.name}`, async (t) => {
    const host = start(t, 'close hangs', { ...tried.options, gracefulTimeout: 1_000 });
    await host.ready();
    await host.call('stop');
    await host.until(() => told(host).length >= threadsOf(tried).length, 'the words of each');
    assert.equal(told(host).length, threadsOf(tried).length);
    assert.deepEqual(
      host.of('worker:exit').map(({ args: [, { signal }] }) => signal),
      ['SIGKILL'],
    );
  });

  const FAILURES = [
    ['init fails', 'ERR_APP_LOAD', /^there is no database$/],
    ['init listens', 'ERR_APP_LOAD', /a NestApplication that does not listen, .* got one that listens already/],
    ['no server', 'ERR_APP_LOAD', /a NestApplication whose getHttpServer\(\) returns .* one that returns undefined$/],
    ['init hangs', 'ERR_BOOT_TIMEOUT', undefined],
  ] as const;
  for (const [nth, [way, code, message]] of FAILURES.entries()) {
    // Processes and threads load the application by different code. In the suite, the two classes of processes share
    // the failures.
    if (!isTried(tried.name === 'threaded' || nth % 2 === number / 2)) continue;
    test(`boot failure: ${way}, ${tried.name}`, async (t) => {
      const host = start(t, way, { ...tried.options, ...(code === 'ERR_BOOT_TIMEOUT' && { bootTimeout: 1_000 }) });
      const [error] = await host.event('rejected');
      assert.equal(error.code, code, error.message);
      if (message) assert.match(error.cause.message, message);
      assert.deepEqual(told(host), []);
    });
  }
}

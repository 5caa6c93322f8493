/*
 * Log lines of requests whose worker is ended by a clock, a crash, an order or a kill. No line is lost or doubled when
 * files, generations and workers change.
 */
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import test, { type TestContext } from 'node:test';
import { LogFile } from '../helpers/access-log.js';
import { amount } from '../helpers/amount.js';
import { ByteClient } from '../helpers/byte-client.js';
import { classes } from '../helpers/classes.js';
import { fixture, Host } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { Load } from '../helpers/load.js';
import { FILE, sharing } from '../helpers/shared.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const app = fixture('logged.js');
const REQUESTS = amount({ suite: 480, long: 100_000 });
/**
 * The clients run all the time, also while workers boot. After each answer a client pauses, so that it takes no CPU
 * from the workers that boot. Milliseconds.
 */
const CLIENTS = amount({ suite: 6, long: 8 });
const PAUSE = amount({ suite: 12, long: 0 });
const KILLS = amount({ suite: 2, long: 3 });
/**
 * How many workers. Several that write to one file do so in the same way in each class. In the suite, sync has two
 * workers, threaded has one with two threads, and async has one. The long form has two of each class.
 */
const workersOf = (name: string): number => (name === 'sync' ? 2 : amount({ suite: 1, long: 2 }));

/** Waits for the answers in steps, each of which has a deadline. */
async function many(load: Load, count: number): Promise<void> {
  const end = load.answered + count;
  while (load.answered < end) await load.more(Math.min(1_000, end - load.answered));
}

for (const { name, options } of classes()) {
  /**
   * A host for the tests that end its workers, one after the other. `before`: how many lines earlier requests have
   * left.
   */
  const ending = async (t: TestContext): Promise<{ host: Host; url: string; before: number }> => {
    const host = await sharing(t, { app, workers: 1, ...options, accessLog: ended.path, timeout: 400 });
    return { host, url: await host.ready(), before: ended.texts().length };
  };
  const ended = new LogFile(FILE);

  for (const path of ['/spins', ...(name === 'async' ? [] : ['/never'])]) {
    test(`access_log: a request that is ended by a clock has its 504, and those before it their lines, ${name} ${path}`, async (t) => {
      const { host, url, before } = await ending(t);
      // This answer comes a moment before the hang, so its line may still have to be written.
      const first = await ByteClient.connect(url);
      first.get('/');
      await first.until('hello');
      const client = (await ByteClient.connect(url)).get(path);
      const answer = await client.all();
      assert.match(answer, /^HTTP\/1.1 504 /);
      await host.event(name === 'threaded' ? 'thread:exit' : 'worker:exit');
      const lines = (await ended.short(before + 2)).slice(before);
      assert.equal(lines.length, 2, lines.join('\n'));
      assert.equal(lines[0], 'GET / HTTP/1.1 200 5');
      assert.match(lines[1] as string, /^GET \/\w+( HTTP\/1\.1)? 504 16$/);
      assert.equal(ended.lines()[before + 1]?.client, '127.0.0.1');
    });
  }

  test(`access_log: a request whose worker crashes or exits has its 500, ${name}`, async (t) => {
    const { url, before } = await ending(t);
    for (const [index, path] of ['/dies', '/exits'].entries()) {
      const client = (await ByteClient.connect(url)).get(path);
      assert.match(await client.all(), /^HTTP\/1.1 500 /);
      // The client has its answer before the line is written, and the worker that serves the next request writes its
      // own lines.
      await ended.short(before + index + 1);
    }
    const lines = (await ended.short(before + 2)).slice(before);
    assert.deepEqual(lines, ['GET /dies HTTP/1.1 500 22', 'GET /exits HTTP/1.1 500 22']);
  });

  test(`access_log: a quick stop has the 503s of what was under way, ${name}`, async (t) => {
    const log = new LogFile(t);
    const host = new Host(t, { app, workers: 1, ...options, accessLog: log.path });
    const client = (await ByteClient.connect(await host.ready())).get('/never');
    await host.event('worker:message');
    host.kill('SIGINT');
    assert.match(await client.all(), /^HTTP\/1.1 503 /);
    await host.exited();
    assert.deepEqual(await log.short(1), ['GET /never HTTP/1.1 503 20']);
  });

  test(`access_log: as many lines as answers, through rotations, reloads and the stop, ${name}`, {
    timeout: 600_000,
  }, async (t) => {
    const log = new LogFile(t);
    const host = new Host(t, { app, workers: workersOf(name), ...options, accessLog: log.path });
    const load = new Load(t, `${await host.ready()}/bytes?n=17`, CLIENTS, PAUSE);
    const moved: string[] = [];
    // There are more rotations than reloads: at the moment of a rotation, few lines or none wait to be written.
    for (let round = 1; round <= 6; round++) {
      await many(load, REQUESTS / 16);
      // As logrotate does it: without `copytruncate`.
      const path = `${log.path}.${round}`;
      renameSync(log.path, path);
      moved.push(path);
      host.kill('SIGUSR1');
      await many(load, REQUESTS / 16);
      if (round < 3) await host.call('reload');
    }
    await many(load, REQUESTS / 4);
    await load.stop();
    await host.call('stop');
    await host.exited();
    assert.deepEqual(load.failures, []);
    const lines = log.lines(...moved);
    assert.equal(lines.length, load.answered);
    assert.ok(
      lines.every(
        ({ status, bytes, request }) => status === 200 && bytes === 17 && request === 'GET /bytes?n=17 HTTP/1.1',
      ),
    );
    assert.ok(log.lines().length >= REQUESTS / 4, 'the last ones are in the last file');
  });
}

for (const { name, options } of classes()) {
  test(`access_log: of workers that are killed under load, no more is lost than each thread writes at once, ${name}`, {
    timeout: 600_000,
  }, async (t) => {
    const log = new LogFile(t);
    const host = new Host(t, { app, workers: workersOf(name), ...options, accessLog: log.path });
    const load = new Load(t, `${await host.ready()}/bytes?n=17`, CLIENTS, PAUSE);
    for (let round = 1; round <= KILLS; round++) {
      await many(load, REQUESTS / 10);
      process.kill(host.workerPids.at(-1) as number, 'SIGKILL');
      await host.until(() => host.of('worker:ready').length === workersOf(name) + round, 'another worker');
    }
    await many(load, REQUESTS / 10);
    await load.stop();
    await host.call('stop');
    const lines = log.lines().length;
    const most =
      KILLS * (options.threads ?? 1) * Math.ceil(32_768 / Math.min(...log.texts().map(({ length }) => length + 1)));
    assert.ok(lines >= load.answered - most, `${lines} lines of ${load.answered} answers`);
    // The line of a request in flight may have been written although the request was not answered.
    assert.ok(lines <= load.answered + load.failures.length, `${lines} lines of ${load.answered} answers`);
    t.diagnostic(`${load.answered} answers, ${load.failures.length} failed, ${lines} lines`);
  });
}

test('access_log: of a worker that is killed, only what it has not written is lost: no more than the lines of 2 ms', async (t) => {
  const log = new LogFile(t);
  // One worker, so that the worker that is killed is the one that has answered.
  const host = new Host(t, { app, workers: 1, workerClass: 'async', accessLog: log.path });
  const url = await host.ready();
  for (let round = 0; round < 3; round++) {
    const client = await ByteClient.connect(url);
    client.get('/bytes?n=1');
    await client.until('\r\n\r\nx');
    // The line is written a few turns of the event loop later.
    await eventually(() => log.texts().length === round + 1, 'the line');
    const pid = host.workerPids.at(-1) as number;
    process.kill(pid, 'SIGKILL');
    await host.until(() => host.of('worker:ready').length === 2 + round, 'another worker');
  }
  assert.equal(log.lines().length, 3);
  await host.call('stop');
});

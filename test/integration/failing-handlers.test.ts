import assert from 'node:assert/strict';
import test from 'node:test';
import type { BuiltInClass } from 'prefork';
import { CLASSES, single } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { counting } from '../helpers/shared.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const FAILING = fixture('failing.js');
/** The classes whose worker is a process. */
const PROCESSES: readonly BuiltInClass[] = ['sync', 'async'];
const REFUSAL = [500, 'Internal Server Error\n'];

for (const workerClass of CLASSES) {
  for (const [name, path] of Object.entries({
    handler_throws_is_500: '/throws',
    handler_rejects_is_500: '/rejects',
  })) {
    test(`${name}: ${workerClass}`, async (t) => {
      const host = await counting(t, { ...single(workerClass), app: FAILING });
      const url = await host.ready();
      for (let round = 0; round < 3; round++) {
        const failed = await get(`${url}${path}`);
        assert.deepEqual([failed.status, failed.body], REFUSAL);
        // The headers that the application had set describe an answer that does not come.
        assert.equal(failed.headers['x-of-the-answer'], undefined);
        assert.equal((await get(`${url}/ok`)).status, 200);
      }
      const told = `the handler failed on GET "${path}": Error: it ${path.slice(1)}`;
      await host.until(() => host.log.includes(told), told);
      assert.deepEqual([host.of('worker:exit').length, host.of('thread:exit').length], [0, 0]);
      await host.finished(6);
      assert.equal((await host.stats()).totals.errors, 3);
    });
  }

  for (const path of ['/throws-with-words', '/throws-over-words']) {
    test(`a failure of an answer with a status of its own is a 500 like any other: ${path}, ${workerClass}`, async (t) => {
      const host = await counting(t, { ...single(workerClass), app: FAILING });
      const client = (await RawClient.connect(t, await host.ready())).get(path);
      assert.match(await client.all(), /^HTTP\/1\.1 500 Internal Server Error\r\n/);
    });
  }

  test(`what a handler fails with is told with its cause, and can neither begin a line nor act on a terminal: ${workerClass}`, async (t) => {
    const host = await counting(t, { ...single(workerClass), app: FAILING });
    assert.equal((await get(`${await host.ready()}/throws-what-a-client-sent`)).status, 500);
    await host.until(() => host.log.includes('caused by: RangeError: out of things\n'), 'the cause');
    assert.match(host.log, /: Error: no such thing: x\n {4}\{"level":"error"\}\n {4}\\u001b\[2J\n {4}at /);
    assert.ok(!host.log.includes('\u001b'));
  });

  if (workerClass !== 'async') {
    test(`who waits with a request behind one that ends in an uncaught exception is told that it was not begun: ${workerClass}`, async (t) => {
      const gate = await Gate.open(t);
      const host = new Host(t, { ...single(workerClass), app: FAILING, env: gate.env });
      const url = await host.ready();
      const [first, behind] = [await RawClient.connect(t, url), await RawClient.connect(t, url)];
      // A busy worker would accept neither connection.
      await eventually(async () => (await host.stats()).workers[0]?.connections === 2, 'two connections');
      first.get('/uncaught-when-told');
      const arrival = await gate.next();
      behind.get('/ok');
      // When the echo comes, everything that was sent before it has been read.
      await arrival.settle();
      arrival.release();
      assert.match(await first.all(), /^HTTP\/1\.1 500 /);
      assert.match(await behind.all(), /^HTTP\/1\.1 503 Service Unavailable\r\n/);
    });
  }

  test(`a failure after the head breaks the connection, so that no client takes half an answer for a whole one, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...single(workerClass), app: FAILING });
    const url = await host.ready();
    const client = (await RawClient.connect(t, url)).get('/rejects-halfway');
    const answer = await client.all();
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(answer, /\r\n4\r\nhalf\r\n$/, 'the chunks came to their proper end');
    assert.equal((await get(`${url}/ok`)).status, 200);
    assert.deepEqual([host.of('worker:exit').length, host.of('thread:exit').length], [0, 0]);
  });

  for (const [path, message] of Object.entries({ '/uncaught': 'it was uncaught', '/unhandled': 'nobody handles it' })) {
    test(`uncaught_exception_answers_500_then_replaces: ${workerClass}, ${path.slice(1)}`, async (t) => {
      const host = new Host(t, { ...single(workerClass), app: FAILING });
      const url = await host.ready();
      const failed = await get(`${url}${path}`);
      assert.deepEqual([failed.status, failed.body], REFUSAL);
      assert.equal((await get(`${url}/ok`)).status, 200);

      const [worker, error] = await host.event('worker:error');
      assert.deepEqual([worker.age, error.message], [1, message]);
      assert.match(error.stack, /failing\.js/, "it is the worker's own stack");
      const [, exit] = await host.event(workerClass === 'threaded' ? 'thread:exit' : 'worker:exit');
      assert.deepEqual([exit.code, exit.request?.url], [1, path]);
      const { crashes, respawns } = (await host.stats()).totals;
      if (workerClass === 'threaded') {
        // The process stays and only its thread is replaced: a crash, and no respawn.
        assert.deepEqual([crashes, respawns, host.of('worker:spawn').length, exit.thread], [1, 0, 1, 1]);
      } else {
        assert.deepEqual([exit.signal, exit.reason, crashes, respawns], [null, 'crash', 1, 1]);
        await host.event('worker:ready', ({ age }) => age === 2);
        const told = host.events.map(({ event, args }) => `${event} ${args[0]?.age}`);
        assert.deepEqual(
          told.filter((name) => /^worker:(?:error|exit|spawn)/.test(name)),
          ['worker:spawn 1', 'worker:error 1', 'worker:exit 1', 'worker:spawn 2'],
        );
        assert.equal((await host.workers())[0]?.id, 1);
      }
    });
  }
}

for (const workerClass of PROCESSES) {
  test(`an uncaught exception while a worker drains is answered 500, and reported, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...single(workerClass), app: FAILING });
    const answer = get(`${await host.ready()}/uncaught-at-term`);
    await eventually(async () => (await host.stats()).workers[0]?.active === 1, 'the request in flight');
    const [worker] = await host.workers();
    process.kill(worker?.pid as number, 'SIGTERM');
    assert.equal((await answer).status, 500);
    const [, exit] = await host.event('worker:exit');
    assert.deepEqual([exit.code, exit.reason, exit.request?.url], [1, 'crash', '/uncaught-at-term']);
  });

  test(`process.exit in a handler is answered 500, ${workerClass}`, async (t) => {
    const gate = await Gate.open(t);
    const host = new Host(t, { ...single(workerClass), app: fixture('crashing.js'), env: gate.env });
    const failed = await get(`${await host.ready()}/exit?code=7`);
    assert.deepEqual([failed.status, failed.body], REFUSAL);
    const [, exit] = await host.event('worker:exit');
    assert.deepEqual([exit.code, exit.reason, exit.request?.url], [7, 'crash', '/exit?code=7']);
    assert.equal(host.of('worker:error').length, 0);
  });
}

for (const [how, path] of Object.entries({ 'an uncaught exception': '/uncaught', 'process.exit': '/exit?code=1' })) {
  test(`${how} is answered 500 to all that an async worker serves`, async (t) => {
    const gate = await Gate.open(t);
    const options = { workers: 1, workerClass: 'async', app: fixture('crashing.js'), env: gate.env };
    const host = new Host(t, { ...options, keepAlive: 60_000 });
    const url = await host.ready();
    const held = [await gate.hold(`${url}/1`), await gate.hold(`${url}/2`), await gate.hold(`${url}/3`)];
    const idle = await RawClient.connect(t, url);
    assert.equal((await get(`${url}${path}`)).status, 500);
    for (const { answer } of held) {
      const { status, body, headers } = await answer;
      assert.deepEqual([status, body, headers.connection], [...REFUSAL, 'close']);
    }
    assert.equal(await idle.all(), '');
    const [, exit] = await host.event('worker:exit');
    assert.deepEqual([exit.code, exit.reason, exit.request?.url, exit.active], [1, 'crash', path, 4]);
    await host.event('worker:ready', ({ age }) => age === 2);
  });
}

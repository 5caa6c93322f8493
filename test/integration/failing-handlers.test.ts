import assert from 'node:assert/strict';
import test from 'node:test';
import { fixture, Host } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { eventually } from '../helpers/wait.js';

for (const [name, path] of Object.entries({
  handler_throws_is_500: '/throws',
  handler_rejects_is_500: '/rejects',
})) {
  test(name, async (t) => {
    const host = new Host(t, { workers: 1, app: fixture('failing.js') });
    const url = await host.ready();
    for (let round = 0; round < 3; round++) {
      const failed = await get(`${url}${path}`);
      assert.deepEqual([failed.status, failed.body], [500, 'Internal Server Error\n']);
      // What the application had set describes an answer that does not come.
      assert.equal(failed.headers['x-of-the-answer'], undefined);
      assert.equal((await get(`${url}/ok`)).status, 200);
    }
    assert.match(host.log, new RegExp(`the handler failed on GET "${path}": Error: it ${path.slice(1)}`));
    assert.equal(host.of('worker:exit').length, 0, 'the worker ended for the failure of one request');
    await eventually(async () => (await host.stats()).totals.requests === 6, '6 finished requests');
    assert.equal((await host.stats()).totals.errors, 3);
  });
}

test('a failure after the head breaks the connection, so that no client takes half an answer for a whole one', async (t) => {
  const host = new Host(t, { workers: 1, app: fixture('failing.js') });
  const url = await host.ready();
  const client = (await RawClient.connect(t, url)).get('/rejects-halfway');
  const answer = await client.all();
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(answer, /\r\n4\r\nhalf\r\n$/, 'the chunks came to their proper end');
  assert.equal((await get(`${url}/ok`)).status, 200);
  assert.equal(host.of('worker:exit').length, 0);
});

test('uncaught_exception_answers_500_then_replaces', async (t) => {
  const host = new Host(t, { workers: 1, app: fixture('failing.js') });
  const url = await host.ready();
  const failed = await get(`${url}/uncaught`);
  assert.deepEqual([failed.status, failed.body], [500, 'Internal Server Error\n']);
  const [replacement] = await host.event('worker:ready', ({ age }) => age === 2);
  assert.equal(replacement.id, 1);
  assert.equal((await get(`${url}/ok`)).status, 200);

  const [worker, error] = await host.event('worker:error');
  assert.equal(worker.age, 1);
  assert.equal(error.message, 'it was uncaught');
  assert.match(error.stack, /failing\.js/, "it is the worker's own stack");
  const names = host.events.map(({ event, args }) => `${event} ${args[0]?.age}`);
  const told = names.filter((name) => /^worker:(?:error|exit|spawn)/.test(name));
  assert.deepEqual(told, ['worker:spawn 1', 'worker:error 1', 'worker:exit 1', 'worker:spawn 2']);
  const [, exit] = await host.event('worker:exit');
  assert.deepEqual([exit.code, exit.signal, exit.reason, exit.request?.url], [1, null, 'crash', '/uncaught']);
  const { crashes, respawns } = (await host.stats()).totals;
  assert.deepEqual([crashes, respawns], [1, 1]);
});

test('an uncaught exception while a worker drains is answered 500, and reported', async (t) => {
  const host = new Host(t, { workers: 1, app: fixture('failing.js') });
  const answer = get(`${await host.ready()}/uncaught-at-term`);
  await eventually(async () => (await host.stats()).workers[0]?.active === 1, 'the request in flight');
  const [worker] = await host.workers();
  process.kill(worker?.pid as number, 'SIGTERM');
  assert.equal((await answer).status, 500);
  const [, exit] = await host.event('worker:exit');
  assert.deepEqual([exit.code, exit.reason, exit.request?.url], [1, 'crash', '/uncaught-at-term']);
});

test('an unhandled rejection ends the worker like an uncaught exception', async (t) => {
  const host = new Host(t, { workers: 1, app: fixture('failing.js') });
  const url = await host.ready();
  assert.equal((await get(`${url}/unhandled`)).status, 500);
  const [, error] = await host.event('worker:error');
  assert.equal(error.message, 'nobody handles it');
  const [, exit] = await host.event('worker:exit');
  assert.deepEqual([exit.code, exit.reason], [1, 'crash']);
  await host.event('worker:ready', ({ age }) => age === 2);
});

import assert from 'node:assert/strict';
import test from 'node:test';
import type { BuiltInClass } from 'prefork';
import { CLASSES, single } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const MODULE = fixture('http-classes.js');
const SUBCLASSES: Readonly<Record<BuiltInClass, string>> = {
  sync: 'MarkingSync',
  threaded: 'MarkingThreaded',
  async: 'MarkingAsync',
};

for (const base of CLASSES) {
  const name = SUBCLASSES[base];
  for (const form of ['module', 'inline']) {
    test(`a subclass of the ${base} class, in the ${form} form`, async (t) => {
      const options = { ...single(base), workerClass: `${MODULE}#${name}` };
      const { workerClass: _, ...rest } = options;
      const host =
        form === 'module'
          ? new Host(t, options)
          : new Host(t, { ...rest, app: undefined }, { entry: 'class-host.js', env: { CLASS: name } });
      const url = await host.ready();
      for (let round = 0; round < 2; round++) {
        const { body, headers } = await get(url);
        assert.deepEqual([body, headers['x-worker']], ['hello', base === 'threaded' ? '1.1' : '1.0']);
        // What the class throws is a failure of that request, as if the application had thrown it.
        assert.equal((await get(`${url}/refused`)).status, 500);
      }
      await host.finished(4);
      assert.equal((await host.stats()).totals.errors, 2);
      assert.equal(host.of('worker:exit').length + host.of('thread:exit').length, 0);
    });
  }
}

test('a class for applications of another type', async (t) => {
  const gate = await Gate.open(t);
  const options = { workers: 1, workerClass: `${MODULE}#PathWorker`, app: fixture('path-app.js'), env: gate.env };
  const host = new Host(t, options);
  const url = await host.ready();
  assert.equal((await get(`${url}/abc`)).body, 'cba/');
  const { arrival, answer } = await gate.hold(`${url}/held`);
  const stopped = host.call('stop');
  await host.event('stop');
  await arrival.settle();
  // What the application opened is closed after its last request.
  assert.equal(host.of('worker:message').length, 0);
  arrival.release();
  assert.equal((await answer).body, 'dleh/');
  await stopped;
  assert.deepEqual(
    host.of('worker:message').map(({ args: [, message] }) => message),
    ['closed'],
  );
});

test('an application that a class cannot serve', async (t) => {
  const options = { workers: 2, workerClass: `${MODULE}#PathWorker`, app: fixture('not-a-function.js') };
  const host = new Host(t, options);
  const [error] = await host.event('rejected');
  assert.deepEqual([error.code, error.exitCode], ['ERR_APP_LOAD', 4]);
  assert.match(error.message, /expected a function of a path, got object/);
  assert.equal((await host.exited()).code, 4);
});

const NO_LISTENER =
  'expected from createListener() of the worker class a function (request, response) => …, or an object with that as request, got ';

for (const [made, expected] of [
  [undefined, `${NO_LISTENER}undefined; is its return missing?`],
  ['5', `${NO_LISTENER}5`],
  ['null', `${NO_LISTENER}null`],
  ['{}', `${NO_LISTENER}{}`],
] as const) {
  test(`a class whose createListener() returns ${made}`, async (t) => {
    const options = { workers: 1, workerClass: `${MODULE}#ForgetfulWorker` };
    const host = new Host(t, options, { env: made === undefined ? {} : { MADE: made } });
    const [error] = await host.event('rejected');
    assert.deepEqual([error.code, error.exitCode], ['ERR_APP_LOAD', 4]);
    assert.ok(error.message.includes(expected), error.message);
    assert.equal((await host.exited()).code, 4);
  });
}

test('the steps of a worker, and what it knows of itself', async (t) => {
  const host = new Host(t, { workers: 2, workerClass: `${MODULE}#TellingWorker`, keepAlive: 1234 });
  await host.ready();
  await host.call('stop');
  for (const id of [1, 2]) {
    const told = host.events.filter(({ event, args }) => /^worker:/.test(event) && args[0]?.id === id);
    const known = { id, age: id, generation: 1, thread: 0, keepAlive: 1234 };
    assert.deepEqual(
      told.map(({ event, args: [, message] }) => (event === 'worker:message' ? message : [event])),
      [['worker:spawn'], ['init', known], ['run'], ['worker:ready'], ['stop'], ['stopped'], ['worker:exit']],
    );
  }
});

for (const [what, workerClass, message] of [
  ['a module that is missing', './no-such-class.js', /no-such-class\.js/],
  ['an export that is missing', `${MODULE}#NoSuchClass`, /no export 'NoSuchClass'; it exports .*PathWorker/],
  ['an export that is no class', `${MODULE}#aNumber`, /a subclass of Worker.* in '.*#aNumber', got 42/],
  ['a class without the methods of one', `${MODULE}#Lifeless`, /a subclass of Worker.*Lifeless/],
  ['a request listener', fixture('app.js'), /a subclass of Worker.*got \[.*Function/],
  ['a module that throws', fixture('throws-at-load.js'), /DATABASE_URL is not set/],
] as const) {
  test(`a worker class that is ${what}`, async (t) => {
    const host = new Host(t, { workers: 2, workerClass });
    const [error] = await host.event('rejected');
    assert.deepEqual([error.code, error.exitCode], ['ERR_APP_LOAD', 4]);
    assert.match(error.message, message);
    assert.notEqual(error.cause, undefined);
    assert.equal((await host.exited()).code, 4);
    assert.equal(host.of('rejected').length, 1);
  });
}

for (const [name, code, message] of [
  ['Misplaced', 'ERR_WORKER_BOOT', "Misplaced: places: expected 'connections' or 'requests', got 'request'"],
  ['Unkind', 'ERR_APP_LOAD', "Unkind: static kind: expected 'process' or 'threads', got 'thread'"],
] as const) {
  test(`a class with a field that has no such value: ${name}`, async (t) => {
    const host = new Host(t, { workers: 1, workerClass: `${MODULE}#${name}` });
    const [error] = await host.event('rejected');
    assert.equal(error.code, code);
    assert.ok(error.message.endsWith(message), error.message);
    await host.exited();
  });
}

test('where several requests have places, timeout limits the event loop, and none of the requests', async (t) => {
  const host = new Host(t, { workers: 1, timeout: 300, workerClass: `${MODULE}#TwoPlaces` });
  const url = await host.ready();
  const long = get(`${url}/wait?ms=1500`);
  await eventually(async () => (await host.stats()).workers[0]?.active === 1, 'the long request');
  // The end of another one, and its own age, change nothing for it.
  assert.equal((await get(`${url}/pid`)).status, 200);
  assert.equal((await long).status, 200);
  assert.equal((await get(`${url}/spin`)).status, 504);
  const [, { clock, request }] = await host.event('worker:timeout');
  assert.deepEqual([clock, request.url], ['loop', '/spin']);
});

const SENT: Readonly<Record<string, unknown>> = {
  '/text': 'ü\u2028\n"',
  '/nested': { a: [1, null, { b: true }] },
  '/date': { at: new Date(0).toISOString() },
  '/toJSON': 'as it likes',
  '/function': { a: 1 },
};

for (const workerClass of CLASSES) {
  test(`worker:message: what JSON can say arrives, and the rest harms nobody, ${workerClass}`, async (t) => {
    const host = new Host(t, { ...single(workerClass), app: fixture('sends.js') });
    const url = await host.ready();
    for (const path of Object.keys(SENT)) assert.equal((await get(`${url}${path}`)).body, 'sent', path);
    for (const path of ['/cyclic', '/bigint']) assert.equal((await get(`${url}${path}`)).body, 'TypeError', path);
    // The text is too long for a message; what follows it is a message again.
    await get(`${url}/huge`);
    assert.equal((await get(`${url}/text`)).body, 'sent');
    const expected = [...Object.values(SENT), SENT['/text']];
    await host.until(() => host.of('worker:message').length >= expected.length, 'the messages');
    assert.deepEqual(
      host.of('worker:message').map(({ args: [worker, message] }) => [worker.id, message]),
      expected.map((message) => [1, message]),
    );
    assert.equal(host.of('worker:exit').length + host.of('thread:exit').length + host.of('worker:error').length, 0);
  });
}

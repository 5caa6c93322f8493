import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { ArbiterError, BroadcastResult } from 'prefork';
import { classes } from '../helpers/classes.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { shared, sharing } from '../helpers/shared.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/*
 * Messages of the host to its workers: who gets them, and what their sender is told. message-floods tests what happens
 * to many of them at bad moments.
 */

function hearing(t: TestContext, options: HostOptions = {}, env: NodeJS.ProcessEnv = {}): Host {
  return new Host(t, { app: fixture('hears.js'), workers: 1, ...options }, { env });
}

/** One host for all tests that leave it as it was. */
function common(t: TestContext): Promise<Host> {
  return sharing(t, { app: fixture('hears.js'), workers: 1 });
}

/** The messages that a worker, or one of its threads, says it has heard. */
function heardBy(host: Host, id: number, thread = 0): unknown[] {
  return host
    .of('worker:message')
    .filter(({ args: [worker, message] }) => worker.id === id && message.thread === thread)
    .map(({ args: [, { heard }] }) => heard);
}

const lost = (text: RegExp, mayBeHeard: boolean) => (error: ArbiterError) => {
  assert.equal(error.code, 'ERR_MESSAGE_LOST');
  assert.match(error.message, text);
  assert.equal(error.mayBeHeard, mayBeHeard, error.message);
  return true;
};

for (const { name, options } of classes()) {
  const host = shared((t) => hearing(t, { workers: 2, ...options }));
  const threads = name === 'threaded' ? [1, 2] : [0];

  test(`what is sent arrives as it was, in order, in the worker of that slot alone, ${name}`, async () => {
    await host().ready();
    const messages = [
      'ü\u2028\n"',
      null,
      7,
      { a: [1, { b: true }] },
      '',
      'x'.repeat(300_000),
      'ü'.repeat(100_000),
      '🎉'.repeat(50_000),
    ];
    await Promise.all(messages.map((message) => host().call('send', 2, message)));
    for (const thread of threads) {
      assert.deepEqual(heardBy(host(), 2, thread), messages);
      assert.deepEqual(heardBy(host(), 1, thread), []);
    }
  });

  test(`a broadcast reaches all, and says so, ${name}`, async () => {
    await host().ready();
    const { delivered, lost } = (await host().call('broadcast', { flag: 'on' })) as BroadcastResult;
    assert.deepEqual([delivered.map(({ id }) => id).sort(), lost], [[1, 2], []]);
    for (const id of [1, 2])
      for (const thread of threads) assert.deepEqual(heardBy(host(), id, thread).at(-1), { flag: 'on' });
  });

  test(`'worker:message' says from which thread, ${name}`, async () => {
    await host().ready();
    await host().call('send', 1, 'from where');
    const told = host()
      .of('worker:message')
      .filter(({ args: [, { heard }] }) => heard === 'from where');
    assert.deepEqual(told.map(({ args: [, , origin] }) => origin.thread).sort(), threads);
  });

  test(`a listener that throws, or rejects, ends nothing: the message was heard, and it is told, ${name}`, async () => {
    await host().ready();
    await host().call('send', 1, { throws: `thrown in ${name}` });
    await host().call('send', 1, { rejects: `rejected in ${name}` });
    for (const text of ['thrown', 'rejected'])
      await host().event('worker:error', (worker, { message }) => worker.id === 1 && message === `${text} in ${name}`);
    await host().call('send', 1, 'alive');
    assert.equal(host().of('worker:exit').length + host().of('thread:exit').length, 0);
  });
}

test('one thread may be named', async (t) => {
  const host = hearing(t, { workerClass: 'threaded', threads: 2 });
  await host.ready();
  await Promise.all([
    host.call('send', 1, 'a', { thread: 2 }),
    host.call('send', 1, 'b'),
    host.call('send', 1, 'c', { thread: 1 }),
  ]);
  assert.deepEqual(
    [heardBy(host, 1, 1), heardBy(host, 1, 2)],
    [
      ['b', 'c'],
      ['a', 'b'],
    ],
  );
  for (const thread of [0, 3, 1.5, '1'])
    await assert.rejects(host.call('send', 1, 'x', { thread }), { code: 'ERR_INVALID_OPTION' });
});

test('wrong input is refused at once, and says what was expected', async (t) => {
  const host = await common(t);
  await host.ready();
  const refused: readonly (readonly [args: unknown[], error: object])[] = [
    [
      [0, 'x'],
      { code: 'ERR_INVALID_OPTION', message: "option 'id of send()': expected an integer of at least 1, got 0" },
    ],
    [['1', 'x'], { code: 'ERR_INVALID_OPTION' }],
    [
      [1, 'x', { thread: 1 }],
      { code: 'ERR_INVALID_OPTION', message: /expected none, since these workers have no threads, got 1/ },
    ],
    [[1, 'x', 7], { code: 'ERR_INVALID_OPTION' }],
    [[1], { name: 'TypeError', message: 'expected a message that JSON can hold, got undefined' }],
    [[1, 'x'.repeat(1 << 20)], { name: 'RangeError' }],
  ];
  for (const [args, error] of refused) await assert.rejects(host.call('send', ...args), error);
  await assert.rejects(host.call('broadcast'), { name: 'TypeError' });
  assert.deepEqual(heardBy(host, 1), []);
});

test('an empty slot is said to be one', async (t) => {
  const host = await common(t);
  await host.ready();
  await assert.rejects(host.call('send', 2, 'x'), lost(/worker #2 is not there/, false));
});

for (const { name, options } of classes(1)) {
  test(`where nobody listens a message is lost, and the worker does not keep it, ${name}`, async (t) => {
    const host = hearing(t, { ...options, env: { DEAF: '1' } });
    const url = await host.ready();
    await assert.rejects(host.call('send', 1, 'early'), lost(/nobody listens in .*worker #1 \(pid \d+\)/, false));
    const { delivered, lost: left } = (await host.call('broadcast', 'early')) as BroadcastResult;
    assert.deepEqual([delivered, left.map(({ error }) => error.code)], [[], ['ERR_MESSAGE_LOST']]);
    await get(`${url}/listen`);
    await host.call('send', 1, 'late');
    await get(`${url}/off`);
    await assert.rejects(host.call('send', 1, 'too late'), lost(/nobody listens/, false));
    assert.deepEqual(heardBy(host, 1, name === 'threaded' ? 1 : 0), ['late']);
  });
}

test('a worker that boots gets it when it is up, and one that does not get there is told of', async (t) => {
  const host = hearing(t, { workers: 2 });
  await host.ready();
  const [, second] = await host.workers();
  process.kill(second?.pid ?? 0, 'SIGKILL');
  await host.event('worker:spawn', ({ age }) => age === 3);
  // The replacement may be up by now or not.
  const result = (await host.call('broadcast', 'to all')) as BroadcastResult;
  assert.deepEqual([result.delivered.map(({ id }) => id).sort(), result.lost], [[1, 2], []]);
  assert.deepEqual(heardBy(host, 2), ['to all']);
});

test('after a reload the new worker is the one that hears', async (t) => {
  const host = await common(t);
  await host.ready();
  const [old] = await host.workers();
  await host.call('reload');
  await host.call('send', 1, 'who');
  const [worker] = await host.event('worker:message');
  assert.notEqual(worker.pid, old?.pid);
});

test('a spare hears what all hear, but has no slot', async (t) => {
  const host = hearing(t, { spares: 1 });
  await host.ready();
  const [spare] = await host.event('worker:spare');
  const { delivered } = (await host.call('broadcast', 'flag')) as BroadcastResult;
  assert.deepEqual(delivered.map(({ pid }) => pid).includes(spare.pid), true);
  assert.deepEqual(heardBy(host, 0), ['flag']);
});

test('while it stops, those hear who have not been told to end', async (t) => {
  const host = hearing(t, { workers: 1, drainDelay: 1_000, gracefulTimeout: 1_000 });
  await host.ready();
  const stopped = host.call('stop');
  await host.event('stop');
  await host.call('send', 1, 'while it waits');
  assert.deepEqual(heardBy(host, 1), ['while it waits']);
  await stopped;
});

test('options that send() does not know are refused', async (t) => {
  const host = hearing(t, { workers: 1 });
  await host.ready();
  const wrong = host.call('send', 1, 'x', { threads: 1 });
  const message = "option 'options of send()': expected none but thread, got 'threads'; did you mean thread?";
  await assert.rejects(wrong, { code: 'ERR_INVALID_OPTION', message });
});

test('before the start and after the stop there is nobody', async (t) => {
  const host = hearing(t, {}, { HOST_STAYS: '1' });
  await host.ready();
  await host.call('stop');
  for (const method of ['send', 'broadcast'])
    await assert.rejects(host.call(method, 1, 'x'), {
      code: 'ERR_STATE',
      message: new RegExp(`^${method}: the arbiter has stopped`),
    });
  host.kill('SIGKILL');
});

test('a worker that spins hears nothing; what was sent to it is lost when it is killed, and what it was given may have been heard', async (t) => {
  const host = hearing(t, { workers: 2, timeout: 0 });
  await host.ready();
  const spins = assert.rejects(
    host.call('send', 1, { spins: true }),
    lost(/worker #1 .* it may have been heard/, true),
  );
  await eventually(async () => heardBy(host, 1).length === 1, 'a worker that spins');
  const given = assert.rejects(host.call('send', 1, 'given'), lost(/may have been heard/, true));
  // The other workers do not wait for the spinning one.
  await host.call('send', 2, 'other');
  const [worker] = await host.workers();
  process.kill(worker?.pid ?? 0, 'SIGKILL');
  await Promise.all([spins, given]);
  await host.event('worker:ready', ({ age }) => age === 3);
  await host.call('send', 1, 'next');
  assert.deepEqual(heardBy(host, 1), [{ spins: true }, 'next']);
});

test('a thread that ends takes what it was given with it; its successor hears the rest, and so do the others', async (t) => {
  const host = hearing(t, { workerClass: 'threaded', threads: 2 });
  await host.ready();
  const ended = lost(/thread 2 of worker #1 .* ended while the message was under way/, true);
  const ends = assert.rejects(host.call('send', 1, { takes: 300, exits: 1 }, { thread: 2 }), ended);
  // On a busy machine, this message may come when the thread has already ended.
  const given = host.call('send', 1, 'given').then(
    () => true,
    (error) => !ended(error),
  );
  await Promise.all([ends, host.call('send', 1, 'first', { thread: 1 })]);
  const both = await given;
  await host.call('send', 1, 'both');
  assert.deepEqual(heardBy(host, 1, 1), ['given', 'first', 'both']);
  assert.deepEqual(heardBy(host, 1, 2), [{ takes: 300, exits: 1 }, ...(both ? ['given'] : []), 'both']);
  assert.equal(host.of('thread:exit').length, 1);
});

test('orders overtake messages: a flood of slow ones holds up no stop, and what it leaves is told to be lost', async (t) => {
  const host = hearing(t, { gracefulTimeout: 60_000 }, { HOST_STAYS: '1' });
  await host.ready();
  const outcomes = Promise.allSettled(
    Array.from({ length: 2_000 }, (_, n) => host.call('send', 1, { n, takes: 30, text: 'x'.repeat(1_000) })),
  );
  await eventually(async () => heardBy(host, 1).length > 0, 'the first message');
  await host.call('stop');
  const ends = await outcomes;
  const heard = heardBy(host, 1).length;
  const after = host.events.slice(host.events.findIndex(({ event }) => event === 'stop'));
  const late = after.filter(({ event }) => event === 'worker:message').length;
  assert.ok(late < 50, `${late} of 2000 were heard when the stop had begun`);
  ends.forEach((end, n) => {
    if (n < heard - 1) assert.equal(end.status, 'fulfilled', `message ${n} of ${heard} that were heard`);
    if (n > heard)
      lost(/worker #1/, end.status === 'rejected' && end.reason.mayBeHeard)((end as PromiseRejectedResult).reason);
  });
  host.kill('SIGKILL');
});

test('room is bounded: a stopped worker has so many messages under way, and no more', async (t) => {
  const host = await common(t);
  await host.ready();
  const [worker] = await host.workers();
  process.kill(worker?.pid ?? 0, 'SIGSTOP');
  const text = 'x'.repeat(1_000_000);
  const send = (): Promise<unknown> => host.call('send', 1, text);
  const held = Promise.all(Array.from({ length: 16 }, send));
  // The worker goes on only when all of these are refused: before that, there would be room for one of them again.
  await Promise.all(Array.from({ length: 3 }, () => assert.rejects(send(), { code: 'ERR_MESSAGE_ROOM' })));
  process.kill(worker?.pid ?? 0, 'SIGCONT');
  await held;
  await host.call('send', 1, 'room again');
  assert.equal(heardBy(host, 1).length, 17);
});

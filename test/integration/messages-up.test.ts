import assert from 'node:assert/strict';
import test from 'node:test';
import { classes } from '../helpers/classes.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { eventually } from '../helpers/wait.js';

/* Messages of the workers to a host that does not read for a while. */

const numbers = (host: Host): number[] => host.of('worker:message').map(({ args: [, { n }] }) => n);
const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

for (const { name, options } of classes(1)) {
  test(`a host that stands still: so much is taken, nobody waits, and all of that arrives in order, ${name}`, async (t) => {
    const host = new Host(t, { app: fixture('hears.js'), workers: 1, ...options });
    const url = await host.ready();
    host.kill('SIGSTOP');
    // The limit of 16 Mi characters, and what the pipe has taken.
    const taken = Number((await get(`${url}/fill/1000/200000`)).body);
    assert.ok(taken >= 83 && taken < 100, `${taken} messages of 200 kB`);
    assert.equal((await get(`${url}/fill/1000/200000`)).body, '0');
    assert.equal((await get(`${url}/`)).status, 200);
    host.kill('SIGCONT');
    await host.until(() => numbers(host).length >= taken, 'what was taken');
    assert.deepEqual(numbers(host), upTo(taken));
    // There is room again.
    await eventually(async () => (await get(`${url}/fill/1/1`)).body === '1', 'room');
    await host.until(() => numbers(host).length > taken, 'one more');
    assert.equal(host.of('worker:exit').length + host.of('thread:exit').length + host.of('worker:error').length, 0);
  });

  test(`what waits in a worker that is killed is lost, and the host is told how much, ${name}`, async (t) => {
    const host = new Host(t, { app: fixture('hears.js'), workers: 1, ...options });
    const url = await host.ready();
    const [worker] = await host.workers();
    host.kill('SIGSTOP');
    const taken = Number((await get(`${url}/fill/1000/200000`)).body);
    process.kill(worker?.pid ?? 0, 'SIGKILL');
    host.kill('SIGCONT');
    const [, error] = await host.event('worker:error');
    const [, { lostMessages, signal }] = await host.event('worker:exit');
    const arrived = numbers(host).length;
    assert.deepEqual(numbers(host), upTo(arrived));
    assert.deepEqual([arrived + lostMessages, signal], [taken, 'SIGKILL']);
    assert.equal(error.code, 'ERR_MESSAGE_LOST');
    assert.match(error.message, new RegExp(`^worker 1 ended, and ${lostMessages} messages .* were lost`));
    // Nothing of the loss stays in the slot.
    const [next] = await host.event('worker:ready', ({ age }) => age === 2);
    process.kill(next.pid, 'SIGKILL');
    const [, exit] = await host.event('worker:exit', ({ age }) => age === 2);
    assert.equal(exit.lostMessages, undefined);
  });

  test(`what a worker has sent arrives before its exit, though it is killed, ${name}`, async (t) => {
    const host = new Host(t, { app: fixture('hears.js'), workers: 1, ...options });
    const url = await host.ready();
    const [worker] = await host.workers();
    host.kill('SIGSTOP');
    assert.equal((await get(`${url}/fill/50/100`)).body, '50');
    process.kill(worker?.pid ?? 0, 'SIGKILL');
    host.kill('SIGCONT');
    await host.event('worker:exit');
    const seen = host.events.map(({ event }) => event).filter((event) => /^worker:(?:message|exit)$/.test(event));
    // What a thread has sent may not have left the process yet.
    const arrived = name === 'threaded' ? seen.length - 1 : 50;
    assert.deepEqual(seen, [...Array(arrived).fill('worker:message'), 'worker:exit']);
    assert.deepEqual(numbers(host), upTo(arrived));
  });
}

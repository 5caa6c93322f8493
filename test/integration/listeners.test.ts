import assert from 'node:assert/strict';
import test from 'node:test';
import { Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

const ENTRY = { entry: 'listeners-that-throw.js' };
/** The fixture's own events, beside those of its Arbiter. */
const OWN = ['error', 'warning', 'called'];

test('listener_throws_loop_survives', async (t) => {
  const host = new Host(t, { workers: 2 }, ENTRY);
  await live(host);
  // Each event is followed by an error, whose cause is what its listener has thrown.
  const thrown = host.events.filter(({ event }) => !OWN.includes(event)).map(({ event }) => event);
  assert.ok(thrown.length > 12);
  assert.deepEqual(
    host.of('error').map(({ args: [error] }) => [error.code, error.cause.message]),
    thrown.map((event) => ['ERR_LISTENER', `thrown at ${event}`]),
  );
  assert.equal(host.of('warning').length, 0);
  // The listeners behind those that throw are called too.
  assert.deepEqual(
    host.of('called').map(({ args: [event] }) => event),
    thrown,
  );
});

test('listener_rejects_loop_survives', async (t) => {
  const host = new Host(t, { workers: 2, rejects: true } as object, ENTRY);
  await live(host);
  const rejected = host.events.filter(({ event }) => !OWN.includes(event)).map(({ event }) => event);
  assert.ok(rejected.length > 12);
  // The rejection of an async listener comes later, so the order is not that of the events.
  const told = host.of('error').map(({ args: [error] }) => [error.code, error.message, error.cause.message]);
  assert.deepEqual(
    told.sort(),
    rejected
      .map((event) => ['ERR_LISTENER', `a listener of '${event}' rejected: thrown at ${event}`, `thrown at ${event}`])
      .sort(),
  );
  assert.deepEqual(
    host.of('called').map(({ args: [event] }) => event),
    rejected,
  );
  assert.equal(host.of('warning').length, 0);
});

test('listener_rejects_loop_survives: the listener of error rejects too', async (t) => {
  const host = new Host(t, { workers: 2, rejects: true, errorThrows: true } as object, ENTRY);
  await live(host);
  await host.until(() => host.of('warning').length >= host.of('error').length, 'a warning for each error');
  for (const { args } of host.of('warning')) {
    assert.deepEqual(args[0], { name: 'ArbiterError', message: "a listener of 'error' rejected: thrown at error" });
  }
});

test('logger_rejects_loop_survives', async (t) => {
  const host = new Host(t, { workers: 2 }, { entry: 'rejecting-logger.js' });
  await live(host);
  // The warning comes once: a logger that always rejects would flood standard error.
  assert.deepEqual(
    host.of('warning').map(({ args: [{ message }] }) => message),
    ['the logger threw: Error: the log is full'],
  );
});

test('listener_throws_loop_survives: the listener of error throws too', async (t) => {
  const host = new Host(t, { workers: 2, errorThrows: true } as object, ENTRY);
  await live(host);
  await host.until(() => host.of('warning').length >= host.of('error').length, 'a warning for each error');
  for (const { args } of host.of('warning')) {
    assert.deepEqual(args[0], { name: 'ArbiterError', message: "a listener of 'error' threw: thrown at error" });
  }
  assert.equal(host.of('warning').length, host.of('error').length);
});

/** A life with an event of almost every kind. */
async function live(host: Host): Promise<void> {
  const url = await host.ready();
  const [victim] = await host.workers();
  process.kill(victim?.pid as number, 'SIGKILL');
  await host.event('worker:ready', ({ age }) => age === 3);
  await host.call('scale', 1);
  host.kill('SIGTTIN');
  await host.event('worker:ready', ({ age }) => age === 4);
  assert.equal((await get(`${url}/`)).status, 200);
  host.kill('SIGTERM');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
  assert.deepEqual([host.of('worker:exit').length, host.of('stopped').length], [4, 1]);
}

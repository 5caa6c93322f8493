import assert from 'node:assert/strict';
import test from 'node:test';
import { Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';

const ENTRY = { entry: 'owns-its-signals.js' };
const OWN = Object.fromEntries(
  ['SIGHUP', 'SIGINT', 'SIGUSR2', 'SIGTERM'].map((name) => [name, [`the host's ${name}`]]),
);

const listeners = async (host: Host, when: string): Promise<Record<string, string[]>> =>
  (await host.event('listeners', (name) => name === when))[1];

test('signals_false_leaves_host_handlers_alone', async (t) => {
  const host = new Host(t, { workers: 2, signals: false }, ENTRY);
  const url = await host.ready();
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR2'] as const) {
    host.kill(signal);
    await host.event('own handler', (name) => name === signal);
  }
  assert.equal((await get(`${url}/`)).status, 200);
  assert.equal(host.of('stop').length, 0);
  // What its own TERM does is the host's decision: here a graceful stop.
  host.kill('SIGTERM');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
  for (const when of ['before', 'during', 'after']) assert.deepEqual(await listeners(host, when), OWN, when);
  assert.equal(host.of('signal').length, 0);
  assert.deepEqual(
    host.of('own handler').map(({ args }) => args[0]),
    ['SIGINT', 'SIGHUP', 'SIGUSR2', 'SIGTERM'],
  );
});

test('signals as a map leaves out those that the host keeps', async (t) => {
  const host = new Host(t, { workers: 1, signals: { SIGTERM: false, SIGTTIN: false } }, ENTRY);
  await host.ready();
  // The Arbiter handles INT, beside the handler that the host has.
  host.kill('SIGINT');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
  assert.deepEqual(
    host.of('signal').map(({ args }) => args[0]),
    ['SIGINT'],
  );
  assert.deepEqual(
    host.of('own handler').map(({ args }) => args[0]),
    ['SIGINT'],
  );
  assert.deepEqual(await listeners(host, 'before'), OWN);
  assert.deepEqual(await listeners(host, 'after'), OWN);
});

test('a signal that a map leaves out is not acted on', async (t) => {
  const host = new Host(t, { workers: 1, signals: { SIGTERM: false } }, ENTRY);
  await host.ready();
  host.kill('SIGTERM');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
  assert.equal(host.of('signal').length, 0);
  assert.equal(host.of('own handler').length, 1);
});

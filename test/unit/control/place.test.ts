import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type ControlSetup, openControl } from '../../../build/control/server.js';
import { eventually } from '../../helpers/wait.js';

/**
 * How long the control waits between two attempts. Milliseconds. The waits of the tests are multiples of it, by timers of
 * the same process.
 */
const INTERVAL = 5;

/** A control on a port that the previous process still has. */
async function second(port: number) {
  const told: string[] = [];
  let alone: () => void = () => undefined;
  const control = await openControl(
    { kind: 'tcp', host: '127.0.0.1', port, token: () => 'x'.repeat(20) },
    {
      source: { arbiter: { state: 'running', stats: () => ({}) }, describe: () => ({}), observe: () => undefined },
      predecessor: { alone: false, onAlone: (act: () => void) => (alone = act) },
      patience: { attempts: 50, interval: INTERVAL, isBound: () => false },
      onListening: () => told.push('listening'),
      onFailure: (cause: unknown) => told.push(`failure: ${cause}`),
    } as unknown as ControlSetup,
    new AbortController().signal,
  );
  return { control, told, alone: () => alone() };
}

/** Resolves when nobody listens at the port, and rejects if somebody does. */
async function isFree(port: number): Promise<void> {
  const probe = createServer().listen(port, '127.0.0.1');
  await once(probe, 'listening');
  probe.close();
  await once(probe, 'close');
}

async function takenPort() {
  const first = createServer().listen(0, '127.0.0.1');
  await once(first, 'listening');
  return { first, port: (first.address() as AddressInfo).port };
}

for (const moment of ['before the process before it ends', 'while it tries to listen', 'in the same turn'] as const) {
  test(`a control on a port that is closed ${moment} does not listen there later`, async () => {
    const { first, port } = await takenPort();
    const { control, told, alone } = await second(port);
    const close = async (): Promise<void> => void (await Promise.all([once(first, 'close'), first.close()]));
    if (moment === 'before the process before it ends') {
      await Promise.all([control.close(), close()]);
      alone();
    } else if (moment === 'while it tries to listen') {
      alone();
      await delay(4 * INTERVAL);
      await Promise.all([control.close(), close()]);
    } else {
      await close();
      alone();
      await control.close();
    }
    // Longer than until the next attempt.
    await delay(10 * INTERVAL);
    await isFree(port);
    assert.deepEqual(told, []);
  });
}

test('else it listens there as soon as that one has ended', async () => {
  const { first, port } = await takenPort();
  const { control, told, alone } = await second(port);
  alone();
  await delay(4 * INTERVAL);
  first.close();
  await eventually(() => told.length > 0, 'the control on its port');
  assert.deepEqual(told, ['listening']);
  await control.close();
  await isFree(port);
});

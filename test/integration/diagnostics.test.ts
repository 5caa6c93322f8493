import assert from 'node:assert/strict';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import test from 'node:test';
import { Arbiter, type ArbiterEvents, type ArbiterMessage } from 'prefork';
import { fixture } from '../helpers/host.js';

const EVENTS = [
  ...(['listening', 'ready', 'worker:spawn', 'worker:ready', 'worker:exit', 'scale', 'stop', 'stopped'] as const),
] satisfies (keyof ArbiterEvents)[];

test('diagnostics: what listeners get is published before, with the name of the Arbiter', async (t) => {
  const options = { app: fixture('app.js'), workers: 1, signals: false, logger: false } as const;
  const arbiter = new Arbiter({ ...options, bind: '127.0.0.1:0', name: 'told' });
  const silent = new Arbiter({ ...options, bind: '127.0.0.1:0', name: 'not started' });
  t.after(() => Promise.all([arbiter.stop({ graceful: false }), silent.stop({ graceful: false })]));
  const published: unknown[] = [];
  const heard: unknown[] = [];
  for (const event of EVENTS) {
    const onMessage = (message: unknown, name: string | symbol): void => {
      const { event: told, args, name: arbiterName } = message as ArbiterMessage;
      assert.deepEqual([arbiterName, name], ['told', `prefork:${told}`]);
      // The listeners of this event have not been called yet.
      assert.equal(published.length, heard.length);
      published.push([told, ...args]);
    };
    subscribe(`prefork:${event}`, onMessage);
    t.after(() => unsubscribe(`prefork:${event}`, onMessage));
    arbiter.on(event, (...args: unknown[]) => void heard.push([event, ...args]));
  }
  await arbiter.start();
  // A late subscriber hears what comes from then on.
  const late: unknown[] = [];
  const onSpawn = (message: unknown): void => void late.push((message as ArbiterMessage<'worker:spawn'>).args[0].id);
  subscribe('prefork:worker:spawn', onSpawn);
  await arbiter.scale(2);
  unsubscribe('prefork:worker:spawn', onSpawn);
  await arbiter.scale(3);
  await arbiter.stop();
  assert.deepEqual(published, heard);
  assert.deepEqual(late, [2]);
  const seen = new Set(published.map((each) => (each as [string])[0]));
  assert.deepEqual([...seen].sort(), [...EVENTS].sort());
  assert.equal(channel('prefork:worker:error').hasSubscribers, false);
});

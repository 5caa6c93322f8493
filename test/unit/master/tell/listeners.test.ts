import assert from 'node:assert/strict';
import test from 'node:test';
import { EventEmitter } from 'eventemitter3';
import { callListeners } from '../../../../build/master/tell/listeners.js';

function setUp(): {
  emitter: EventEmitter;
  failures: unknown[][];
  emit: (event: string, ...args: unknown[]) => boolean;
} {
  const emitter = new EventEmitter();
  const failures: unknown[][] = [];
  const emit = (event: string, ...args: unknown[]): boolean =>
    callListeners(emitter, event, args, (...failure) => failures.push(failure));
  return { emitter, failures, emit };
}

test('it calls as emit of eventemitter3 does: in order, with arguments and contexts, once where that is asked for', () => {
  for (const count of [0, 1, 2, 3]) {
    const seen = [0, 1].map((own) => {
      const { emitter, emit } = setUp();
      const calls: unknown[][] = [];
      const context = { name: 'own' };
      const add = [
        () => emitter.on('e', (...args) => calls.push(['on', ...args])),
        () => emitter.once('e', (...args) => calls.push(['once', ...args])),
        () =>
          emitter.on(
            'e',
            function (this: typeof context, ...args: unknown[]) {
              calls.push([this.name, ...args]);
            },
            context,
          ),
      ];
      for (const act of add.slice(0, count)) act();
      const emitted = own === 0 ? emit : emitter.emit.bind(emitter);
      const told = [emitted('e', 1, 2), emitted('e', 3), emitted('other')];
      return { calls, told, left: emitter.listenerCount('e') };
    });
    assert.deepEqual(seen[0], seen[1]);
  }
});

test('one that throws, or rejects, is told of, and the others are called', async () => {
  const { emitter, failures, emit } = setUp();
  const called: string[] = [];
  const [thrown, rejected] = [new Error('thrown'), new Error('rejected')];
  emitter.on('e', () => {
    called.push('first');
    throw thrown;
  });
  emitter.on('e', async () => {
    called.push('second');
    throw rejected;
  });
  emitter.on('e', async () => void called.push('third'));
  // A thenable of another library, which calls back at once.
  // biome-ignore lint/suspicious/noThenProperty: that is what is tested.
  emitter.on('e', () => ({ then: (_: unknown, onRejected: (cause: unknown) => void) => onRejected('at once') }));
  emitter.on('e', () => ({
    // biome-ignore lint/suspicious/noThenProperty: that is what is tested.
    get then() {
      throw 'a getter';
    },
  }));
  assert.equal(emit('e'), true);
  await new Promise(setImmediate);
  assert.deepEqual(called, ['first', 'second', 'third']);
  assert.deepEqual(failures, [
    ['e', thrown, 'threw'],
    ['e', 'at once', 'rejected'],
    ['e', 'a getter', 'threw'],
    ['e', rejected, 'rejected'],
  ]);
});

test('listeners that are added and removed meanwhile count from the next time', () => {
  const { emitter, emit } = setUp();
  const called: string[] = [];
  const second = (): void => void called.push('second');
  emitter.on('e', () => {
    emitter.off('e', second);
    emitter.on('e', () => called.push('late'));
    called.push('first');
  });
  emitter.on('e', second);
  emit('e');
  assert.deepEqual(called, ['first', 'second']);
});

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import test from 'node:test';
import { whenClosed } from '../../../../build/worker/accept/accepted.js';

/** An emitter, and the listeners that tell of its close, in the order in which they do. */
function watched(): { readonly emitter: EventEmitter; readonly told: string[] } {
  const told: string[] = [];
  const emitter = new EventEmitter();
  whenClosed(emitter, () => told.push('first'));
  emitter.on('close', () => told.push('other'));
  whenClosed(emitter, () => told.push('second'));
  return { emitter, told };
}

for (const [name, names] of [
  ['all listeners', []],
  ['those of its close', ['close']],
] as const) {
  test(`who is to be told of a close is told once, when ${name} have been taken off`, () => {
    const { emitter, told } = watched();
    emitter.on('removeListener', () => undefined);
    for (let time = 0; time < 2; time++) assert.equal(emitter.removeAllListeners(...names), emitter);
    emitter.emit('close');
    assert.deepEqual(told, ['first', 'second']);
  });
}

test('listeners of anything else are taken off, and nothing else is', () => {
  const { emitter, told } = watched();
  emitter.on('data', () => told.push('data'));
  emitter.removeAllListeners('data');
  emitter.emit('data');
  emitter.emit('close');
  assert.deepEqual(told, ['first', 'other', 'second']);
});

test('it is told once, also where its listeners were saved, taken off and added again', () => {
  const { emitter, told } = watched();
  const saved = emitter.listeners('close');
  emitter.removeAllListeners('close');
  for (const listener of saved) emitter.on('close', listener as () => void);
  for (let time = 0; time < 2; time++) emitter.emit('close');
  assert.deepEqual(told.sort(), ['first', 'other', 'other', 'second']);
});

test('an object that has it as its prototype, or its properties, may take listeners off, too; the close of that is no close', () => {
  for (const derive of [Object.create, (emitter: EventEmitter) => Object.assign(new EventEmitter(), emitter)]) {
    for (const names of [[], ['close']] as const) {
      const { emitter, told } = watched();
      const other: EventEmitter = derive(emitter);
      assert.equal(other.removeAllListeners(...names), other);
      other.emit('close');
      assert.deepEqual(told, []);
      emitter.emit('close');
      assert.deepEqual(
        told.filter((who) => who !== 'other'),
        ['first', 'second'],
      );
    }
  }
});

test('an object that has got only its methods loses its own listeners', () => {
  const { removeAllListeners } = watched().emitter;
  const other = Object.assign(new EventEmitter(), { removeAllListeners }).on('close', () => assert.fail('still there'));
  other.removeAllListeners();
  other.emit('close');
});

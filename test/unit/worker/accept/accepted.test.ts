import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import test from 'node:test';
import { whenClosed } from '../../../../build/worker/accept/accepted.js';

/** What tells of its close, in the order in which it does. */
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

test('an object that has it as its prototype may take them off, too', () => {
  const { emitter, told } = watched();
  const wrapper: EventEmitter = Object.create(emitter);
  assert.equal(wrapper.removeAllListeners('close'), wrapper);
  wrapper.emit('close');
  assert.deepEqual(told, ['first', 'second']);
});

import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { withoutConnection } from '../../dist/worker/head.js';

type Headers = Parameters<typeof withoutConnection>[0];

const SHAPES: readonly (readonly [what: string, given: Headers, kept: Headers])[] = [
  [
    'an object',
    { 'Content-Type': 'a/b', Connection: 'keep-alive', 'Keep-Alive': 'timeout=5' },
    { 'Content-Type': 'a/b' },
  ],
  ['an object, any case', { CONNECTION: 'keep-alive', connection: 'x', 'keep-ALIVE': '1', A: 1 }, { A: 1 }],
  ['an object with lists', { 'Set-Cookie': ['a=1', 'b=2'] }, { 'Set-Cookie': ['a=1', 'b=2'] }],
  [
    'names that only look alike',
    { 'Proxy-Connection': 'a', 'Keep-Alive-2': 'b' },
    { 'Proxy-Connection': 'a', 'Keep-Alive-2': 'b' },
  ],
  ['an empty object', {}, {}],
  ['a flat list', ['A', '1', 'connection', 'keep-alive', 'B', '2'], ['A', '1', 'B', '2']],
  ['a value that is one of the names', ['A', 'Connection', 'B', 'keep-alive'], ['A', 'Connection', 'B', 'keep-alive']],
  ['a flat list of one name twice', ['Set-Cookie', 'a', 'Set-Cookie', 'b'], ['Set-Cookie', 'a', 'Set-Cookie', 'b']],
  [
    'pairs',
    [
      ['A', '1'],
      ['Keep-Alive', 'x'],
      ['Connection', 'y'],
      ['B', '2'],
    ],
    ['A', '1', 'B', '2'],
  ],
  ['pairs with lists', [['Set-Cookie', ['a', 'b']]], ['Set-Cookie', ['a', 'b']]],
  ['an empty list', [], []],
];

for (const [what, given, kept] of SHAPES) {
  test(`headers: ${what}`, () => {
    const before = structuredClone(given);
    assert.deepEqual(withoutConnection(given), kept);
    assert.deepEqual(given, before);
  });
}

test('the three shapes say the same', () => {
  const name = fc.oneof(
    fc.constantFrom('Connection', 'connection', 'Keep-Alive', 'keep-alive'),
    fc.stringMatching(/^[A-Za-z-]{1,12}$/),
  );
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(name, fc.string())), (pairs) => {
      const kept = pairs.filter(([key]) => !['connection', 'keep-alive'].includes(key.toLowerCase()));
      assert.deepEqual(withoutConnection(pairs), kept.flat());
      assert.deepEqual(withoutConnection(pairs.flat()), kept.flat());
      assert.deepEqual(withoutConnection(Object.fromEntries(pairs)), Object.fromEntries(kept));
    }),
  );
});

import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Left, newsIn, newsLine } from '../../../../build/master/sockets/heritage.js';
import { textless } from '../../../helpers/textless.js';

test('news come back as they were told', () => {
  const all = { serves: 'a', fails: 'b', leaves: 'c', socket: 5, tickets: [{ purpose: 'd', keys: 'e', since: 1 }] };
  assert.deepEqual(newsIn(newsLine(all)), all);
  for (const [name, said] of Object.entries(all))
    assert.deepEqual(newsIn(newsLine({ [name]: said })), { [name]: said });
});

test('what is no news of this version is left out, so that it can be put into a message', () => {
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), textless), (value) => {
      for (const line of [value, { serves: value, fails: value, leaves: value, socket: value, tickets: value }].map(
        (each) => JSON.stringify(each),
      )) {
        const { serves, fails, leaves, socket, tickets } = newsIn(line);
        for (const text of [serves, fails, leaves]) assert.ok(text === undefined || typeof text === 'string', line);
        assert.ok(socket === undefined || typeof socket === 'number', line);
        assert.ok(tickets === undefined || Array.isArray(tickets), line);
      }
    }),
  );
  assert.deepEqual(newsIn('no JSON'), {});
});

test('a socket that is given up is that of the descriptor, or each of that address where none is named', () => {
  const left = new Left();
  left.hear({ leaves: '127.0.0.1:0', socket: 4 });
  left.hear({ leaves: ':80' });
  left.hear({ serves: ':81', socket: 7 });
  assert.deepEqual([left.has('127.0.0.1:0', 4), left.has('127.0.0.1:0', 5)], [true, false]);
  assert.deepEqual([left.has(':80', 6), left.has(':81', 7)], [true, false]);
});

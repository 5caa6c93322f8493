import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { newsIn, newsLine } from '../../../../build/master/sockets/heritage.js';
import { textless } from '../../../helpers/textless.js';

test('news come back as they were told', () => {
  const all = { serves: 'a', fails: 'b', leaves: 'c', tickets: [{ purpose: 'd', keys: 'e', since: 1 }] };
  assert.deepEqual(newsIn(newsLine(all)), all);
  for (const [name, said] of Object.entries(all))
    assert.deepEqual(newsIn(newsLine({ [name]: said })), { [name]: said });
});

test('what is no news of this version is left out, so that it can be put into a message', () => {
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), textless), (value) => {
      for (const line of [value, { serves: value, fails: value, leaves: value, tickets: value }].map((each) =>
        JSON.stringify(each),
      )) {
        const { serves, fails, leaves, tickets } = newsIn(line);
        for (const text of [serves, fails, leaves]) assert.ok(text === undefined || typeof text === 'string', line);
        assert.ok(tickets === undefined || Array.isArray(tickets), line);
      }
    }),
  );
  assert.deepEqual(newsIn('no JSON'), {});
});

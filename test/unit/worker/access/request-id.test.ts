import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import test from 'node:test';
import { RequestIds } from '../../../../build/worker/access/request-id.js';

function request(...rawHeaders: string[]): IncomingMessage {
  const headers: Record<string, string> = {};
  for (let index = 0; index < rawHeaders.length; index += 2)
    headers[(rawHeaders[index] as string).toLowerCase()] = rawHeaders[index + 1] as string;
  return { rawHeaders, headers } as unknown as IncomingMessage;
}

test('each request has another one, and finds it in its headers', () => {
  const ids = new RequestIds('x-request-id');
  const seen = new Set<string>();
  for (let index = 0; index < 100; index++) {
    const asked = request('Host', 'a');
    const id = ids.give(asked, true);
    seen.add(id);
    assert.equal(asked.headers['x-request-id'], id);
    assert.deepEqual(asked.rawHeaders.slice(2), ['x-request-id', id]);
  }
  assert.equal(seen.size, 100);
  assert.notEqual(new RequestIds('x-request-id').give(request(), false), [...seen][0]);
});

test('what a trusted proxy has set is kept where it is one that can be', () => {
  const ids = new RequestIds('x-id');
  const kept = request('X-Id', 'abc-1/2=3;4');
  assert.equal(ids.give(kept, true), 'abc-1/2=3;4');
  assert.deepEqual(kept.rawHeaders, ['X-Id', 'abc-1/2=3;4']);
  for (const given of ['', 'a b', 'a"b', 'a\\b', 'é', 'a\n', 'x'.repeat(65)])
    assert.notEqual(ids.give(request('X-Id', given), true), given, given);
  assert.notEqual(ids.give(request('X-Id', 'abc'), false), 'abc');
  // Two ids contradict each other. The number of headers stays the same, since Node has counted them.
  const twice = request('x-id', 'one', 'X-ID', 'two');
  const id = ids.give(twice, true);
  assert.deepEqual(twice.rawHeaders, ['x-id', id, 'X-ID', id]);
});

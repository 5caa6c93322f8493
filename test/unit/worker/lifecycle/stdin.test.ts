import assert from 'node:assert/strict';
import type { StdioOptions } from 'node:child_process';
import { PassThrough } from 'node:stream';
import test from 'node:test';
import { withoutSocket } from '../../../../build/worker/lifecycle/stdin.js';

// biome-ignore lint/suspicious/noExplicitAny: also shapes that the types of Node do not allow.
type Shape = any;
const stream = new PassThrough();

const GUARDED: readonly (readonly [what: string, given: Shape, guarded: Shape])[] = [
  ["'inherit', as spawn and execFileSync take it", 'inherit', ['ignore', 'inherit', 'inherit']],
  ['what fork makes of its default', ['inherit', 'inherit', 'inherit', 'ipc'], ['ignore', 'inherit', 'inherit', 'ipc']],
  ['what fork makes of silent', ['pipe', 'pipe', 'pipe', 'ipc'], ['pipe', 'pipe', 'pipe', 'ipc']],
  ['the number 0', [0, 1, 2], ['ignore', 1, 2]],
  ['the number 0 in another place', ['pipe', 0, 'pipe', 0], ['pipe', 'ignore', 'pipe', 'ignore']],
  ['process.stdin', [process.stdin, 'inherit'], ['ignore', 'inherit']],
  ['a stream on descriptor 0', [{ fd: 0 }, 'pipe'], ['ignore', 'pipe']],
  ["'inherit' in another place is another descriptor", ['pipe', 'inherit', 'inherit'], ['pipe', 'inherit', 'inherit']],
  ['other descriptors and streams', [stream, 1, process.stderr], [stream, 1, process.stderr]],
  ['pipes and nothing', ['overlapped', 'ignore', null, undefined], ['overlapped', 'ignore', null, undefined]],
  ['an empty list', [], []],
  ["'pipe'", 'pipe', 'pipe'],
  ["'ignore'", 'ignore', 'ignore'],
  ["'overlapped'", 'overlapped', 'overlapped'],
  ['no list', undefined, undefined],
];

for (const [what, given, guarded] of GUARDED) {
  test(`stdio: ${what}`, () => {
    const options = Object.freeze({ cwd: '/', stdio: Array.isArray(given) ? Object.freeze(given) : given });
    const result = withoutSocket<{ cwd: string; stdio?: StdioOptions }>(options as { cwd: string });
    assert.deepEqual(result, { cwd: '/', stdio: guarded });
  });
}

test('options without stdio are handed on: the default of spawn is a pipe', () => {
  const options: { cwd: string; stdio?: StdioOptions } = Object.freeze({ cwd: '/' });
  assert.equal(withoutSocket(options), options);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import test from 'node:test';
import { readLines } from '../../../../build/master/common/read-lines.js';
import { MAX_LINE } from '../../../../build/protocol/messages.js';

async function linesOf(...chunks: readonly string[]): Promise<string[]> {
  const stream = new PassThrough();
  const lines: string[] = [];
  readLines(stream, (line) => lines.push(line));
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await once(stream, 'end');
  return lines;
}

const LONGEST = 'x'.repeat(MAX_LINE);

test('lines are whole, however they come in', async () => {
  assert.deepEqual(await linesOf('on', 'e\ntw', 'o\n\nthree\n', 'no end'), ['one', 'two', 'three']);
});

test('a line of the greatest length passes, and what is longer does not, wherever it ends', async () => {
  assert.deepEqual(await linesOf(LONGEST, '\nnext\n'), [LONGEST, 'next']);
  for (const chunks of [
    [`${LONGEST}x\nnext\n`],
    [LONGEST, 'x\nnext\n'],
    [LONGEST, 'x', 'x\nnext\n'],
    ['x', LONGEST, '\nnext\n'],
  ])
    assert.deepEqual(await linesOf(...chunks), ['next']);
});

import assert from 'node:assert/strict';
import test from 'node:test';
import { newsLines } from '../../../build/cli/ctl-top.js';

const line = (second: number, level: string, msg: string) => ({ time: `2026-11-29T10:00:0${second}.000Z`, level, msg });

test('below the table errors stand by themselves, the last of each, and a crowd of warnings hides none', () => {
  const history = [
    line(0, 'error', 'worker #1 ended'),
    ...[1, 2, 3, 4, 5, 6].map((second) => line(second, 'warn', `slow ${second}`)),
    line(7, 'info', 'ready'),
  ];
  assert.deepEqual(newsLines(history, 80), [
    ...['', 'Last errors:', '10:00:00 worker #1 ended'],
    ...['', 'Last warnings:', '10:00:04 slow 4', '10:00:05 slow 5', '10:00:06 slow 6'],
  ]);
  assert.deepEqual(newsLines([line(7, 'info', 'ready')], 80), []);
  assert.deepEqual(newsLines([line(7, 'error', 'x'.repeat(99))], 20), ['', 'Last errors:', '10:00:07 xxxxxxxxxx…']);
});

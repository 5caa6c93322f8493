import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { descends, HAS_TABLE, parseRow, readTable, rowOf } from '../../../build/system/process-table.js';

const REST = '0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 123456 1000 200 18446744073709551615';

for (const name of ['node', 'a b', ') R 1', '(', 'x)) Z 7 7 (']) {
  test(`a row of a process that calls itself '${name}'`, () => {
    const row = parseRow(`42 (${name}) S 7 40 40 ${REST}`);
    assert.deepEqual(row, { pid: 42, parent: 7, group: 40, born: 123456, zombie: false });
  });
}

for (const [state, zombie] of Object.entries({ R: false, S: false, T: false, Z: true, X: true })) {
  test(`the state ${state}`, () => {
    assert.equal(parseRow(`42 (node) ${state} 7 40 40 ${REST}`).zombie, zombie);
  });
}

test('this process is in the table, and descends from its parent, not from itself', { skip: !HAS_TABLE }, () => {
  const own = rowOf(process.pid);
  assert.equal(own?.parent, process.ppid);
  assert.deepEqual(readTable().get(process.pid)?.born, own?.born);
  assert.ok(descends(process.pid, process.ppid));
  assert.ok(!descends(process.pid, process.pid));
  assert.ok(!descends(process.ppid, process.pid));
});

test('a process that has ended is in no row', { skip: !HAS_TABLE }, async () => {
  const child = spawn('true');
  await once(child, 'exit');
  assert.equal(rowOf(child.pid as number), undefined);
  assert.equal(descends(child.pid as number, process.pid), false);
});

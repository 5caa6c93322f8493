import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import test, { type TestContext } from 'node:test';
import { Kindred } from '../../../build/system/kindred.js';
import { killGroup, killKin, sweepGroup } from '../../../build/system/process-group.js';
import { HAS_TABLE, rowOf } from '../../../build/system/process-table.js';
import { alive, gone } from '../../helpers/process.js';
import { eventually } from '../../helpers/wait.js';

const skip = !HAS_TABLE;

/** A shell in a process group of its own, and its child. */
async function group(t: TestContext): Promise<{ leader: ChildProcess; pid: number; member: number }> {
  const leader = spawn('sh', ['-c', 'sleep 1000 & echo $!; wait'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  const pid = leader.pid as number;
  t.after(() => killGroup(pid));
  const [text] = await once(leader.stdout as NonNullable<typeof leader.stdout>, 'data');
  return { leader, pid, member: Number(text) };
}

test('a group is killed whole, and there is none twice', { skip }, async (t) => {
  const { leader, pid, member } = await group(t);
  assert.equal(killGroup(pid), true);
  await Promise.all([once(leader, 'exit'), gone(member)]);
  // The group is gone as soon as somebody has reaped the orphan.
  await eventually(() => !killGroup(pid), 'the end of the group');
});

test('what is left in the group of one that has ended is swept', { skip }, async (t) => {
  const { leader, pid, member } = await group(t);
  leader.once('exit', () => sweepGroup(pid));
  process.kill(pid, 'SIGKILL');
  await gone(member);
});

test('nothing is swept where the number is that of a process that lives', { skip }, async (t) => {
  const { pid, member } = await group(t);
  sweepGroup(pid);
  assert.deepEqual([pid, member].map(alive), [true, true]);
});

test('kin is killed with its group, if it is still the same process', { skip }, async (t) => {
  const { pid, member } = await group(t);
  const { born } = rowOf(pid) as { born: number };
  killKin({ pid, born: born + 1 });
  assert.deepEqual([pid, member].map(alive), [true, true]);
  killKin({ pid, born });
  await gone(pid, member);
});

test('kindred that has ended is forgotten, and told', { skip }, async () => {
  const kindred = new Kindred();
  const own = { pid: process.pid, born: rowOf(process.pid)?.born as number };
  const ended = Array.from({ length: 40 }, (_, index) => ({ pid: process.pid, born: own.born + 1 + index }));
  const forgotten = [own, ...ended].flatMap((kin) => kindred.add(kin));
  assert.ok(forgotten.length >= 32);
  assert.ok(forgotten.every((kin) => ended.includes(kin)));
  assert.deepEqual(kindred.living(), [own]);
  assert.ok(kindred.all.includes(own) && kindred.all.length < 40);
});

import assert from 'node:assert/strict';
import test from 'node:test';
import { SlowRecord } from '../../../../build/worker/insight/slow-record.js';
import { Vitals } from '../../../../build/worker/vitals/vitals.js';
import { isIdle, isUncertain } from '../../../../build/worker/watchdog/trace.js';

const MINUTE = 60_000;

/** Two records on one memory: one for each side. */
function both(): [SlowRecord, SlowRecord] {
  const { memory } = new Vitals();
  return [new SlowRecord(memory), new SlowRecord(memory)];
}

test('a slow request is claimed once, by whoever comes first', () => {
  const [own, watcher] = both();
  assert.deepEqual([own.claim(12.25), watcher.claim(12.25), own.claim(12.25)], [true, false, false]);
  assert.deepEqual([watcher.isTold(12.25), watcher.isTold(12.5)], [true, false]);
  assert.deepEqual([watcher.claim(12.5), own.claim(12.5)], [true, false]);
});

test('what was told late does not make another one, told meanwhile, be forgotten', () => {
  const [own, watcher] = both();
  const [first, second] = [1_000.125, 1_200.5];
  assert.ok(own.claim(second));
  assert.ok(watcher.claim(first));
  assert.deepEqual([watcher.isTold(second), watcher.isTold(first)], [true, true]);
  assert.deepEqual([watcher.claim(second), own.claim(first)], [false, false]);
});

test('so many are told in a minute; the rest is counted, and said with the next one', () => {
  const [own, watcher] = both();
  let told = 0;
  for (let now = 1_000_000; now < 1_000_000 + MINUTE - 1; now += 100) {
    if (own.admits(now)) {
      told++;
      assert.equal(own.report().suppressed, undefined);
    } else watcher.suppress();
  }
  assert.equal(told, 300);
  assert.equal(own.admits(1_000_000 + MINUTE), true);
  assert.equal(watcher.report().suppressed, 300);
  assert.equal(own.report().suppressed, undefined);
});

test('a thread is held for a hundredth of the time at most, and all of it is counted', () => {
  const [own, watcher] = both();
  assert.ok(watcher.admits(MINUTE));
  for (let pause = 0; pause < 6; pause++) {
    assert.ok(watcher.mayHold);
    watcher.notePause(100);
  }
  assert.deepEqual([own.admits(MINUTE + 10), own.mayHold], [true, false]);
  assert.deepEqual([own.admits(2 * MINUTE), own.mayHold], [true, true]);
  assert.deepEqual(own.report().pauses, { count: 6, total: 600 });
});

test('what is in flight is known, and which one came last, and on which connection', () => {
  const [own, watcher] = both();
  assert.equal(watcher.client, -1);
  own.noteClient(0);
  own.fly(10);
  own.fly(20);
  assert.deepEqual([watcher.flying, watcher.latest, watcher.client], [2, 20, 0]);
  own.land(10);
  assert.deepEqual([watcher.flying, watcher.latest], [1, 20]);
  own.land(20);
  assert.deepEqual([watcher.flying, watcher.latest], [0, 0]);
  own.noteClient(-1);
  assert.equal(watcher.client, -1);
});

test('a client that its proxy has named is called so, and nobody else', () => {
  const [own, watcher] = both();
  const peers = new Map([7, 8].map((fd) => [fd, { address: '192.0.2.1' }]));
  own.noteClient(7);
  watcher.rename(peers);
  assert.deepEqual([...peers.values()], [{ address: '192.0.2.1' }, { address: '192.0.2.1' }]);
  own.noteAddress('2001:db8::1');
  watcher.rename(peers);
  assert.deepEqual([...peers.values()], [{ address: '2001:db8::1' }, { address: '192.0.2.1' }]);
  own.noteClient(9);
  watcher.rename(peers);
  assert.equal(peers.has(9), false);
  own.noteAddress(undefined);
  assert.equal(watcher.address, undefined);
  own.noteAddress('x'.repeat(100));
  const { address = '' } = watcher;
  assert.equal(address.length, 63);
});

test('an order to say what is done is answered once', () => {
  const [own, watcher] = both();
  assert.deepEqual(
    [own.isAnswered(1), own.answers(1), watcher.answers(1), watcher.isAnswered(1)],
    [false, true, false, true],
  );
  assert.equal(watcher.answers(2), true);
});

test('a thread without a call of the application is idle, if one of this library is there', () => {
  const { pathname } = new URL('../../../../build/worker/x.js', import.meta.url);
  const own = `    at #beat (${pathname}:1:2)`;
  const node = '    at listOnTimeout (node:internal/timers:581:17)';
  const app = '    at app (/srv/app.js:1:2)';
  assert.ok(isIdle(`${own}\n${node}`));
  for (const stack of [node, app, `${app}\n${own}`, `${own}\n${app}\n${node}`]) assert.ok(!isIdle(stack), stack);
});

test('of a thread with calls of Node alone, it is open whether it has work', () => {
  const { pathname } = new URL('../../../../build/worker/x.js', import.meta.url);
  const entry = '    at processTimers (node:internal/timers:505:5)';
  assert.ok(isUncertain(entry));
  assert.ok(
    isUncertain(`    at emitBeforeScript (node:internal/async_hooks:510:3)\n    at node:internal/x:1:2\n${entry}`),
  );
  for (const other of ['    at app (/srv/app.js:1:2)', `    at #beat (${pathname}:1:2)`])
    assert.ok(!isUncertain(`${other}\n${entry}`), other);
});

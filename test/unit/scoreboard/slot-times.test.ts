import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { readSlot, SLOT_SIZE, SlotImage, STATE } from '../../../build/scoreboard/scoreboard.js';
import { addTimes, BOUNDS, NO_TIMES, type Times } from '../../../build/scoreboard/slot-times.js';

function slot(): SlotImage {
  const image = new SlotImage();
  image.setState(STATE.SERVING);
  return image;
}

function stored(image: SlotImage, into = Buffer.alloc(SLOT_SIZE), full = false): Buffer {
  image.bytes.copy(into, 0, 0, full ? image.full() : image.header());
  return into;
}

const duration = fc.oneof(
  fc.double({ min: 0, max: 100_000, noNaN: true }),
  fc.constantFrom(...BOUNDS, ...BOUNDS.map((bound) => bound + 1e-9)),
);

test('each time is in the first bucket whose bound it does not exceed, and in one histogram', () => {
  fc.assert(
    fc.property(fc.array(duration), fc.array(duration), (requests, waits) => {
      const image = slot();
      for (const each of requests) image.times.addRequest(each);
      for (const each of waits) image.times.addWait(each);
      const { requestTime, waitTime } = readSlot(stored(image)) ?? {};
      for (const [times, given] of [[requestTime, requests] as const, [waitTime, waits] as const]) {
        const bounds = [...BOUNDS, Number.POSITIVE_INFINITY];
        const counts = bounds.map(
          (bound, index) => given.filter((each) => each <= bound && each > (bounds[index - 1] ?? -1)).length,
        );
        assert.deepEqual(times?.counts, counts);
        const sum = given.reduce((all, each) => all + each, 0);
        assert.ok(Number.isInteger(times?.sum));
        assert.ok(Math.abs((times?.sum ?? 0) - 1_000 * sum) <= 0.5 * given.length + 1e-9 * sum);
      }
    }),
  );
});

test('the bounds rise, and there are as many counts as the slot has room for', () => {
  assert.deepEqual(
    [...BOUNDS].sort((a, b) => a - b),
    BOUNDS,
  );
  assert.deepEqual([BOUNDS.length + 1, NO_TIMES.counts.length], [16, 16]);
});

const LIMIT = 2 ** 32;
function times(first: number): Times {
  return { counts: [first, ...NO_TIMES.counts.slice(1)], sum: first };
}

test('a count goes on beyond 32 bits', () => {
  const image = slot();
  image.times.restore({ requestTime: times(LIMIT - 2), waitTime: times(7) });
  const seen = [];
  const slotBytes = Buffer.alloc(SLOT_SIZE);
  for (let more = 0; more < 4; more++) {
    image.times.addRequest(0.1);
    seen.push(readSlot(stored(image, slotBytes))?.requestTime.counts[0]);
  }
  assert.deepEqual(seen, [LIMIT - 1, LIMIT, LIMIT + 1, LIMIT + 2]);
  assert.equal(readSlot(slotBytes)?.waitTime.counts[0], 7);
});

test('who goes on from a slot goes on from all of it', () => {
  const before = slot();
  before.times.restore({ requestTime: times(3 * LIMIT + 5), waitTime: times(LIMIT - 1) });
  const record = readSlot(stored(before));
  assert.ok(record);
  const after = slot();
  after.times.restore(record);
  after.times.addRequest(0.1);
  after.times.addWait(0.1);
  const { requestTime, waitTime } = readSlot(stored(after)) ?? {};
  assert.deepEqual([requestTime?.counts[0], waitTime?.counts[0]], [3 * LIMIT + 6, LIMIT]);
});

test('a write that overflows and is seen half done says nothing, or what was true', () => {
  for (const full of [false, true]) {
    const image = slot();
    image.times.restore({ requestTime: times(LIMIT - 1), waitTime: times(2 * LIMIT - 1) });
    const before = Buffer.from(stored(image, undefined, full));
    image.times.addRequest(0.1);
    image.times.addWait(0.1);
    const after = stored(image, Buffer.from(before), full);
    const truths = [before, after].map((bytes) => JSON.stringify(readSlot(bytes)));
    assert.notEqual(truths[0], truths[1]);
    for (let cut = 0; cut <= SLOT_SIZE; cut++) {
      for (const [one, other] of [[before, after] as const, [after, before] as const]) {
        const record = readSlot(Buffer.concat([one.subarray(0, cut), other.subarray(cut)]));
        if (record) assert.ok(truths.includes(JSON.stringify(record)), `cut at ${cut}`);
      }
    }
  }
});

test('times add up by bucket', () => {
  const one = { counts: NO_TIMES.counts.map((_, index) => index), sum: 5 };
  assert.deepEqual(addTimes(one, one), { counts: one.counts.map((count) => 2 * count), sum: 10 });
  assert.deepEqual(addTimes(NO_TIMES, one), one);
});

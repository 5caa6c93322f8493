import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  encodeLastCall,
  readLastCall,
  readSlot,
  SENT_OFFSET,
  SLOT_SIZE,
  SlotImage,
  type SlotRecord,
  STATE,
} from '../../../build/scoreboard/scoreboard.js';

function set(image: SlotImage, entry: SlotRecord): void {
  image.setPid(entry.pid);
  image.setState(entry.state);
  image.setLoad(entry.active, entry.connections);
  if (entry.exitCode !== undefined) image.setExitCode(entry.exitCode);
  image.setCounters(entry.requests, entry.errors, entry.abandoned);
  image.setBeat(entry.beat, entry.rss, entry.elu);
  image.setPatience(entry.patientUntil);
  image.times.restore(entry);
  if (entry.room) image.setRoom(entry.room);
  if (entry.request) image.setRequest(entry.request.method, entry.request.url, entry.request.startedAt);
}
/** Seals and stores a write as `pwrite` does: only as many bytes as the image asks for. */
function store(image: SlotImage, slot: Buffer, full: boolean): Buffer {
  const length = full ? image.full() : image.header();
  image.bytes.copy(slot, 0, 0, length);
  return slot;
}

// Records have a prototype, like those of readSlot, since assert compares prototypes.
const plain = { noNullPrototype: true };
const word = fc.nat(2 ** 32 - 1);
const float = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });
// What can stand in a request line. It has no byte below 0x21, so no text can look like a sequence number of our size.
const visible = fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code));
const request = fc.record(
  {
    method: fc.constantFrom('GET', 'POST', 'DELETE', 'M-SEARCH', 'UNSUBSCRIBE'),
    url: fc.string({ unit: visible, maxLength: 380 }).map((path) => `/${path}`),
    startedAt: fc.nat(4e12),
  },
  plain,
);
// A few counts are beyond 32 bits, most are not.
const count = fc.oneof({ weight: 9, arbitrary: fc.nat(1000) }, { weight: 1, arbitrary: fc.nat(2 ** 48 - 1) });
const times = fc.record({ counts: fc.array(count, { minLength: 16, maxLength: 16 }), sum: float }, plain);
const served = fc.record(
  {
    pid: word,
    state: fc.constantFrom(STATE.BOOTING, STATE.SERVING, STATE.DRAINING),
    active: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    connections: word,
    exitCode: fc.option(fc.nat(255), { nil: undefined }),
    beat: float,
    requests: fc.nat(Number.MAX_SAFE_INTEGER),
    errors: fc.nat(Number.MAX_SAFE_INTEGER),
    abandoned: fc.nat(2 ** 32 - 1),
    rss: fc.nat(Number.MAX_SAFE_INTEGER),
    elu: fc.float({ min: 0, max: 1, noNaN: true }),
    patientUntil: float,
    requestTime: times,
    waitTime: times,
    sent: fc.constant(0),
    room: fc.record({ free: float, at: float, open: fc.boolean() }, plain),
    request,
  },
  plain,
);
const entry: fc.Arbitrary<SlotRecord> = fc.oneof(
  served,
  served.map((record): SlotRecord => ({ ...record, active: 0, request: undefined })),
);

test('what a worker writes is what the master reads', () => {
  fc.assert(
    fc.property(entry, (given) => {
      const image = new SlotImage();
      set(image, given);
      assert.deepEqual(readSlot(store(image, Buffer.alloc(SLOT_SIZE), given.request !== undefined)), given);
    }),
  );
});

test('a later write of the header keeps the request, as long as one is in flight', () => {
  const image = new SlotImage();
  const slot = Buffer.alloc(SLOT_SIZE);
  image.setState(STATE.SERVING);
  image.setLoad(1, 1);
  image.setRequest('GET', '/slow', 5);
  store(image, slot, true);
  image.setBeat(99, 1, 0);
  const { beat, request: found } = readSlot(store(image, slot, false)) ?? {};
  assert.equal(beat, 99);
  assert.deepEqual(found, { method: 'GET', url: '/slow', startedAt: 5 });
  image.setLoad(0, 0);
  assert.equal(readSlot(store(image, slot, false))?.request, undefined);
});

test('how many messages were sent is a word of its own, which no other write touches', () => {
  const image = new SlotImage();
  const slot = Buffer.alloc(SLOT_SIZE);
  image.setState(STATE.SERVING);
  image.times.restore({ requestTime: { counts: [2 ** 40], sum: 1 }, waitTime: { counts: [], sum: 0 } });
  store(image, slot, true);
  new Uint8Array(slot.buffer, slot.byteOffset + SENT_OFFSET, 4).set(
    new Uint8Array(new Uint32Array([2 ** 32 - 1]).buffer),
  );
  store(image, slot, true);
  assert.equal(readSlot(store(image, slot, false))?.sent, 2 ** 32 - 1);
  assert.equal(readSlot(slot)?.requestTime.counts[0], 2 ** 40);
});

test('requests one after the other, alike or not, are each told as they are', () => {
  const image = new SlotImage();
  const slot = Buffer.alloc(SLOT_SIZE);
  image.setState(STATE.SERVING);
  image.setLoad(1, 1);
  const requests = [
    ['GET', '/a'],
    ['GET', '/a'],
    ['POST', '/a'],
    ['POST', '/longer'],
    ['GET', ''],
    ['GET', '/a'],
  ] as const;
  for (const [startedAt, [method, url]] of requests.entries()) {
    image.setRequest(method, url, startedAt);
    assert.deepEqual(readSlot(store(image, slot, true))?.request, { method, url, startedAt });
  }
});

test('an empty slot holds no record, nor does one of an unknown state', () => {
  assert.equal(readSlot(Buffer.alloc(SLOT_SIZE)), undefined);
  const image = new SlotImage();
  image.setPid(1);
  assert.equal(readSlot(store(image, Buffer.alloc(SLOT_SIZE), false)), undefined);
  image.setState(4 as never);
  assert.equal(readSlot(store(image, Buffer.alloc(SLOT_SIZE), false)), undefined);
  // Whatever the bytes are, there is no exception.
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: SLOT_SIZE, maxLength: SLOT_SIZE }),
      (bytes) => void readSlot(Buffer.from(bytes)),
    ),
  );
});

test('a URL that is too long is cut and says so, one that just fits is not', () => {
  const read = (method: string, url: string): SlotRecord['request'] => {
    const image = new SlotImage();
    image.setState(STATE.SERVING);
    image.setLoad(1, 1);
    image.setRequest(method, url, 1);
    const length = image.full();
    assert.ok(length <= SLOT_SIZE, `${length} bytes in a slot of ${SLOT_SIZE}`);
    return readSlot(image.bytes)?.request;
  };
  const room = read('GET', 'x'.repeat(5000))?.url.length ?? 0;
  assert.ok(room >= 140, `${room} characters of a URL`);
  assert.equal(read('GET', 'y'.repeat(room))?.url, 'y'.repeat(room));
  for (const beyond of [room + 1, room + 2, 70_000]) {
    assert.equal(read('GET', 'z'.repeat(beyond))?.url, `${'z'.repeat(room - 3)}...`);
  }
  // The longest method and the longest URL at once.
  assert.equal(read('M'.repeat(100), 'x'.repeat(5000))?.method, 'M'.repeat(20));
  assert.deepEqual(read('', ''), { method: '', url: '', startedAt: 1 });
});

interface Write {
  readonly entry: SlotRecord;
  readonly full: boolean;
}
const write: fc.Arbitrary<Write> = fc.oneof(
  served.map((given) => ({ entry: given, full: true })),
  // Only the header is written: the last request may still be in flight, or have ended.
  fc
    .tuple(served, fc.nat(1))
    .map(([given, active]) => ({ entry: { ...given, active, request: undefined }, full: false })),
);

/** The slot before and after the last of these writes, between which a reader comes. */
function history(sequence: number, writes: readonly Write[]): { before: Buffer; after: Buffer } {
  const image = new SlotImage();
  const slot = Buffer.alloc(SLOT_SIZE);
  // Sequence numbers of more than one byte can differ in more than one byte.
  for (let n = 0; n < sequence; n++) image.header();
  let before: Buffer = slot;
  for (const { entry: given, full } of writes) {
    before = Buffer.from(slot);
    set(image, given);
    store(image, slot, full);
  }
  return { before, after: slot };
}

/** A torn slot may say nothing, or it may say what was true before or after the write. A request may be missing. */
function assertTrue(torn: Buffer, before: Buffer, after: Buffer, cut: number): void {
  const record = readSlot(torn);
  if (record === undefined) return;
  const { request: found, ...header } = record;
  const truths = [readSlot(before), readSlot(after)];
  const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
  const matching = truths.filter(
    (truth) => truth && same({ ...truth, request: undefined }, { ...header, request: undefined }),
  );
  assert.ok(matching.length > 0, `cut at ${cut}: a header that never was`);
  if (found)
    assert.ok(
      matching.some((truth) => same(truth?.request, found)),
      `cut at ${cut}: ${JSON.stringify(found)} never was`,
    );
}

const torn = (check: (before: Buffer, after: Buffer, cut: number) => Buffer): void =>
  fc.assert(
    fc.property(fc.nat(70_000), fc.array(write, { minLength: 2, maxLength: 4 }), (sequence, writes) => {
      const { before, after } = history(sequence, writes);
      for (let cut = 0; cut <= SLOT_SIZE; cut++) assertTrue(check(before, after, cut), before, after, cut);
    }),
    { numRuns: 60 },
  );

test('a write that is seen half done yields no wrong record, wherever it is cut', () => {
  torn((before, after, cut) => Buffer.concat([after.subarray(0, cut), before.subarray(cut)]));
});

test('a read that a write overtakes yields no wrong record, wherever it is cut', () => {
  torn((before, after, cut) => Buffer.concat([before.subarray(0, cut), after.subarray(cut)]));
});

test('the last call is for the sockets that it names, of as many as a process could have', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat(4031)),
      fc.nat(4100),
      fc.double({ min: 1, max: 1e12 }),
      (sockets, other, until) => {
        const bytes = encodeLastCall(until, sockets);
        for (const socket of sockets) assert.equal(readLastCall(bytes, socket), until);
        assert.equal(readLastCall(bytes, other), sockets.includes(other) ? until : 0);
        assert.equal(bytes.length, SLOT_SIZE);
      },
    ),
  );
});

import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Frames } from '../../../../build/worker/connections/frames.js';

const ANSWER = Buffer.from('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n');

function frame(opcode: number, length: number, isLast = true): Buffer {
  const first = opcode | (isLast ? 0x80 : 0);
  const head =
    length < 126
      ? Buffer.from([first, length])
      : length < 65_536
        ? Buffer.from([first, 126, length >> 8, length & 0xff])
        : Buffer.from([
            first,
            127,
            0,
            0,
            0,
            0,
            length >>> 24,
            (length >>> 16) & 0xff,
            (length >>> 8) & 0xff,
            length & 0xff,
          ]);
  return Buffer.concat([head, Buffer.alloc(length, 0xff)]);
}

test('frames are whole exactly where one ends, however they are written', () => {
  const lengths = fc.oneof(fc.integer({ min: 0, max: 130 }), fc.constantFrom(65_535, 65_536, 70_000));
  const frames = fc.array(fc.tuple(fc.constantFrom(0, 1, 2), lengths, fc.boolean()), { maxLength: 6 });
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (list, sizes) => {
      const bytes = [ANSWER, ...list.map(([opcode, length, isLast]) => frame(opcode, length, isLast))];
      const all = Buffer.concat(bytes);
      const ends = new Set<number>();
      let sum = 0;
      for (const { length } of bytes) {
        sum += length;
        ends.add(sum);
      }
      const followed = new Frames();
      for (let at = 0, turn = 0; at < all.length; turn++) {
        // Long payloads are followed in a few large pieces.
        const size = (sizes[turn % sizes.length] as number) * (turn > 300 ? 500 : 1);
        followed.follow(all.subarray(at, at + size));
        at = Math.min(all.length, at + size);
        assert.deepEqual([followed.areWhole, followed.bytes], [ends.has(at), at]);
      }
      assert.equal(followed.areClosed, false);
    }),
    { numRuns: 300 },
  );
});

const NO_FRAMES: readonly (readonly [what: string, bytes: Buffer])[] = [
  ['a masked frame', Buffer.from([0x81, 0x80, 1, 2, 3, 4])],
  ['an unknown opcode', frame(3, 0)],
  ['a ping in parts', frame(9, 0, false)],
  ['a long pong', frame(10, 126)],
  ['text', Buffer.from('echo')],
];

for (const [what, bytes] of NO_FRAMES) {
  test(`nothing is known from ${what} on`, () => {
    const frames = new Frames();
    frames.follow(ANSWER);
    assert.equal(frames.areWhole, true);
    frames.follow(bytes);
    frames.follow(frame(1, 3));
    assert.equal(frames.areWhole, false);
  });
}

test('an interim answer before the 101 changes nothing', () => {
  const hints = Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n');
  const many = Array.from({ length: 50_000 }, () => hints);
  for (const parts of [[hints, hints, ANSWER], [Buffer.concat([hints, ANSWER])], [Buffer.concat([...many, ANSWER])]]) {
    const frames = new Frames();
    for (const part of parts) frames.follow(part);
    assert.equal(frames.areWhole, true);
    frames.follow(frame(1, 5).subarray(0, 4));
    assert.equal(frames.areWhole, false);
  }
});

test('what is not answered with 101 is no WebSocket', () => {
  for (const head of [
    'HTTP/1.1 400 Bad Request\r\n\r\n',
    'HTTP/1.1 101 Sw',
    `HTTP/1.1 101 ${'x'.repeat(70_000)}\r\n\r\n`,
  ]) {
    const frames = new Frames();
    for (let at = 0; at < head.length; at += 10_000) frames.follow(Buffer.from(head.slice(at, at + 10_000)));
    assert.equal(frames.areWhole, false);
  }
});

test('the close frame of the application is seen', () => {
  const frames = new Frames();
  frames.follow(ANSWER);
  frames.follow(frame(8, 2));
  assert.deepEqual([frames.areClosed, frames.areWhole], [true, true]);
});

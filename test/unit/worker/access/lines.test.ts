import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs, { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { ANYWHERE } from '../../../../build/worker/access/escape.js';
import { type Line, MAX_LINE } from '../../../../build/worker/access/line.js';
import { Lines, newLines } from '../../../../build/worker/access/lines.js';
import { onLoss } from '../../../../build/worker/access/loss.js';
import { writeLeft } from '../../../../build/worker/access/rescue.js';
import { temporaryFolder } from '../../../helpers/place.js';

const { O_APPEND, O_CREAT, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

function open(t: TestContext, path: string, flags: number): number {
  const fd = openSync(path, flags);
  t.after(() => closeSync(fd));
  return fd;
}

const line = (number: number, length: number): string => String(number).padEnd(length - 1, '.');
const say = (text: string, line: Line): boolean => line.put(text, ANYWHERE);

test('lines wait until they are written, in the order in which they came', (t) => {
  const path = join(temporaryFolder(t), 'log');
  const lines = new Lines(newLines(open(t, path, O_WRONLY | O_APPEND | O_CREAT)));
  assert.equal(lines.waits, false);
  const all = Array.from({ length: 300 }, (_, index) => line(index, 100 + index));
  let due = 0;
  for (const text of all) {
    if (!lines.add(say, text)) continue;
    due++;
    assert.equal(lines.flush(), true);
  }
  assert.ok(due >= 2, 'much is to be written at once');
  assert.equal(lines.waits, true);
  lines.flush();
  assert.equal(readFileSync(path, 'latin1'), `${all.join('\n')}\n`);
  assert.equal(lines.lost, 0);
});

test('what has waited is written by another one that finds the memory, and goes to another descriptor when told', (t) => {
  const folder = temporaryFolder(t);
  const [first, second] = ['first', 'second'].map((name) => join(folder, name)) as [string, string];
  const memory = newLines(open(t, first, O_WRONLY | O_APPEND | O_CREAT));
  const lines = new Lines(memory);
  lines.add(say, 'one');
  writeLeft(memory);
  assert.equal(readFileSync(first, 'latin1'), 'one\n');
  const other = new Lines(memory);
  other.fd = open(t, second, O_WRONLY | O_APPEND | O_CREAT);
  other.add(say, 'two');
  writeLeft(memory);
  writeLeft(memory);
  assert.equal(readFileSync(first, 'latin1'), 'one\n');
  assert.equal(readFileSync(second, 'latin1'), 'two\n');
});

test('a pipe gets whole lines, as many as it takes, and what finds no room is counted', (t) => {
  const path = join(temporaryFolder(t), 'fifo');
  execFileSync('mkfifo', [path]);
  const reader = open(t, path, O_RDONLY | O_NONBLOCK);
  const lines = new Lines(newLines(open(t, path, O_WRONLY | O_NONBLOCK)));
  let read = '';
  const readAll = (): void => {
    const bytes = Buffer.alloc(1 << 20);
    try {
      for (let count = readSync(reader, bytes); count > 0; count = readSync(reader, bytes))
        read += bytes.toString('latin1', 0, count);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN');
    }
    assert.ok(read.endsWith('\n'), 'no half of a line');
  };
  const count = 300;
  for (let index = 0; index < count; index++) if (lines.add(say, line(index, 1_500))) lines.flush();
  assert.equal(lines.flush(), false);
  assert.match(lines.why, /nobody reads it/);
  while (lines.waits) {
    readAll();
    lines.flush();
  }
  readAll();
  const numbers = read
    .split('\n')
    .slice(0, -1)
    .map((text) => Number.parseInt(text, 10));
  assert.equal(numbers.length + lines.lost, count);
  assert.ok(lines.lost > 0);
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  );
});

test('a disk that is full, or a descriptor that is closed, costs the lines and nothing else', (t) => {
  const full = new Lines(newLines(open(t, '/dev/full', O_WRONLY)));
  for (const text of ['a', 'b']) full.add(say, text);
  assert.equal(full.flush(), true);
  assert.deepEqual([full.lost, full.waits], [2, false]);
  assert.match(full.why, /ENOSPC/);
  const none = new Lines(newLines(99_999));
  none.add(say, 'x'.repeat(MAX_LINE));
  assert.equal(none.flush(), true);
  assert.equal(none.lost, 1);
});

/** A disk that takes only this many more bytes. */
function limitDisk(t: TestContext): { room: number } {
  const disk = { room: Number.POSITIVE_INFINITY };
  const { writeSync } = fs;
  const limited = (fd: number, data: Uint8Array | string, start = 0, length = data.length): number => {
    if (disk.room === 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const taken = Math.min(disk.room, length);
    disk.room -= taken;
    return writeSync(fd, Buffer.from(data as Uint8Array), start, taken);
  };
  t.mock.method(fs, 'writeSync', limited as typeof fs.writeSync);
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  return disk;
}

test('a disk that was full for a while: what was begun stands by itself, however often it was tried, and whoever goes on', (t) => {
  const path = join(temporaryFolder(t), 'log');
  const memory = newLines(open(t, path, O_WRONLY | O_APPEND | O_CREAT));
  const lines = new Lines(memory);
  const disk = limitDisk(t);
  for (const [flushes, goesOn] of [
    [1, lines],
    [2, lines],
    [3, new Lines(memory)],
  ] as const) {
    disk.room = 5;
    for (let count = 0; count < flushes; count++) {
      lines.add(say, 'SECOND LINE');
      assert.equal(lines.flush(), true);
    }
    disk.room = Number.POSITIVE_INFINITY;
    goesOn.add(say, 'next');
    goesOn.flush();
  }
  assert.equal(readFileSync(path, 'latin1'), 'SECON\nnext\n'.repeat(3));
  assert.equal(lines.lost, 6);
});

test('a disk that was full for a while: what another process has begun stands by itself, whether this one has written nothing meanwhile or whole lines', (t) => {
  const path = join(temporaryFolder(t), 'log');
  const open1 = (): Lines => new Lines(newLines(open(t, path, O_WRONLY | O_APPEND | O_CREAT)));
  const [torn, idle, busy] = [open1(), open1(), open1()];
  const disk = limitDisk(t);
  const write = (lines: Lines, room: number, text: string): void => {
    disk.room = room;
    lines.add(say, text);
    assert.equal(lines.flush(), true);
  };
  write(torn, 5, 'FIRST LINE');
  write(idle, 0, 'nothing of it');
  write(idle, Number.POSITIVE_INFINITY, 'next');
  busy.add(say, 'x'.repeat(9));
  write(busy, 10, 'no more');
  write(torn, 3, 'SECOND LINE');
  write(busy, Number.POSITIVE_INFINITY, 'last');
  // An empty line does less harm than a line that is glued to another.
  assert.deepEqual(readFileSync(path, 'latin1').split('\n').filter(Boolean), [
    'FIRST',
    'next',
    'xxxxxxxxx',
    'SE',
    'last',
  ]);
});

test('what nobody takes of a thread that is no more is counted and told, with what it had lost and not told of itself', (t) => {
  const path = join(temporaryFolder(t), 'fifo');
  execFileSync('mkfifo', [path]);
  const reader = open(t, path, O_RDONLY | O_NONBLOCK);
  const memory = newLines(open(t, path, O_WRONLY | O_NONBLOCK));
  const lines = new Lines(memory);
  const count = 300;
  for (let index = 0; index < count; index++) if (lines.add(say, line(index, 1_500))) lines.flush();
  const said: string[] = [];
  onLoss((message) => said.push(message));
  writeLeft(memory);
  writeLeft(memory);
  const came = readSync(reader, Buffer.alloc(1 << 20)) / 1_500;
  assert.deepEqual(said, [
    `${count - came} lines of the access log could not be written, and are lost: nobody reads it, or not fast enough`,
  ]);
  const one = newLines(99_999);
  new Lines(one).add(say, 'a');
  writeLeft(one);
  assert.match(said[1] as string, /^a line of the access log could not be written, and is lost: EBADF/);
});

test('another file begins with a line, whatever became of the one before', (t) => {
  const folder = temporaryFolder(t);
  const [first, second] = ['first', 'second'].map((name) => open(t, join(folder, name), O_WRONLY | O_CREAT)) as [
    number,
    number,
  ];
  const lines = new Lines(newLines(first));
  const disk = limitDisk(t);
  disk.room = 5;
  lines.add(say, 'SECOND LINE');
  lines.flush();
  disk.room = Number.POSITIVE_INFINITY;
  lines.fd = second;
  lines.add(say, 'next');
  lines.flush();
  assert.equal(readFileSync(join(folder, 'second'), 'latin1'), 'next\n');
});

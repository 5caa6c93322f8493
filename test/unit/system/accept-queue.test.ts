import assert from 'node:assert/strict';
import { existsSync, fstatSync, readFileSync } from 'node:fs';
import test from 'node:test';
import fc from 'fast-check';
import {
  effectiveBacklog,
  type Pull,
  QueueTable,
  type Waiting,
  waitingAtPaths,
  waitingAtPorts,
} from '../../../build/system/accept-queue.js';
import { occupy } from '../../helpers/place.js';

const linux = { skip: existsSync('/proc/net/tcp') ? false : 'this system has no /proc/net' };

/** The kernel's side. It makes rows only as far as they are asked for, and keeps what is left of a row. */
class Rows {
  made = 0;
  readonly #rows: readonly string[];
  #left = '';

  constructor(text: string) {
    this.#rows = text.split(/(?<=\n)/);
  }

  readonly pull: Pull = (bytes) => {
    while (this.#left.length < bytes && this.made < this.#rows.length) this.#left += this.#rows[this.made++];
    const piece = this.#left.slice(0, bytes);
    this.#left = this.#left.slice(bytes);
    return piece;
  };
}

const plain = (waiting: Waiting): object => Object.fromEntries(waiting);
const padded = (row: string): string => `${row.padEnd(149)}\n`;

// Recorded on Linux 6.18: three sockets that listen, one that is connected, one in TIME_WAIT.
const TCP = [
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
  '   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 171 1 00000000373c97b8 100 0 0 10 0',
  '   1: 0100007F:AD79 00000000:0000 0A 00000000:00000007 00:00000000 00000000     0        0 33476 8 00000000a46e3491 100 0 0 10 0',
  '   2: 0100007F:1F90 00000000:0000 0A 00000000:00001001 00:00000000 00000000 4294967294        0 4294967295 8 00000000a46e3491 100 0 0 10 0',
  '   3: 0100007F:AD79 0100007F:9E73 01 00000000:00000012 00:00000000 00000000     0        0 33490 1 00000000b3eb41e2 20 4 30 10 -1',
  '   4: 020200C0:9E5E 507100CB:0050 06 00000000:00000000 03:00000905 00000000     0        0 0 3 000000008e9a839e',
]
  .map(padded)
  .join('');
const ANY6 = '00000000000000000000000000000000';
const ONE6 = '00000000000000000000000001000000';
const TCP6 = [
  '  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
  `   0: ${ANY6}:0016 ${ANY6}:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 00000000ac0b7b33 100 0 0 10 0`,
  `   1: ${ONE6}:9E73 ${ANY6}:0000 0A 00000000:00000007 00:00000000 00000000     0        0 33483 8 0000000033ac0b7b 100 0 0 10 0`,
  `   2: ${ONE6}:9E73 ${ONE6}:C350 01 00000000:00000000 02:000A1F2B 00000000     0        0 33491 2 0000000033ac0b99 20 4 30 10 -1`,
]
  .map((row) => `${row}\n`)
  .join('');
const UNIX = `Num       RefCount Protocol Flags    Type St Inode Path
00000000b7fd5c2f: 00000003 00000000 00000000 0001 02     0 /run/app.sock~
00000000bd8b9c07: 00000003 00000000 00000000 0001 02     0 /run/app.sock~
00000000d2ed275e: 00000002 00000000 00010000 0001 01 34035 /run/app.sock~
0000000079c73aa1: 00000003 00000000 00000000 0001 02     0 /run/other: 02     0 x
0000000079c73aa2: 00000003 00000000 00000000 0001 03 34036 /run/app.sock~
0000000079c73aa3: 00000003 00000000 00000000 0001 03 34037
0000000079c73aa4: 00000002 00000000 00010000 0001 01    12 /run/other: 02     0 x
0000000079c73aa5: 00000002 00000000 00010000 0005 01 98765432 @abstract
0000000079c73aa6: 00000002 00000000 00010000 0001 01 34040 /run/\u00c3\u00a9.sock
0000000079c73aa7: 00000003 00000000 00000000 0001 02     0 /run/\u00c3\u00a9.sock
0000000079c73aa8: 00000002 00000000 00000000 0002 01 34041 /run/app.sock~
0000000079c73aa9: 00000002 00000000 00010000 0001 01 34042 /run/twice
0000000079c73aaa: 00000002 00000000 00010000 0001 01 34043 /run/twice
0000000079c73aab: 00000003 00000000 00000000 0001 02     0 /run/twice
`;

test('who waits at a port, by the inode of the socket that listens', () => {
  assert.deepEqual(plain(waitingAtPorts('tcp', new Rows(TCP).pull, new Set([33476]))), { 33476: 7 });
  assert.deepEqual(plain(waitingAtPorts('tcp', new Rows(TCP).pull, new Set([171, 4294967295]))), {
    171: 0,
    4294967295: 0x1001,
  });
  assert.deepEqual(plain(waitingAtPorts('tcp6', new Rows(TCP6).pull, new Set([33483, 1]))), { 1: 0, 33483: 7 });
});

test('the kernel makes no row behind the last one that is wanted', () => {
  for (const [table, text, inode, rows] of [
    ['tcp', TCP, 171, 2],
    ['tcp', TCP, 33476, 3],
    ['tcp', TCP, 4294967295, 4],
    ['tcp6', TCP6, 1, 2],
    ['tcp6', TCP6, 33483, 3],
  ] as const) {
    const kernel = new Rows(text);
    assert.equal(waitingAtPorts(table, kernel.pull, new Set([inode])).size, 1);
    assert.equal(kernel.made, rows, `${table} ${inode}`);
  }
});

test('one that does not listen is not looked for among connections', () => {
  for (const [table, text, rows] of [
    ['tcp', TCP, 5],
    ['tcp6', TCP6, 4],
  ] as const) {
    const kernel = new Rows(text + text);
    assert.deepEqual(plain(waitingAtPorts(table, kernel.pull, new Set([33490, 33491, 99]))), {});
    assert.equal(kernel.made, rows);
  }
  assert.deepEqual(plain(waitingAtPorts('tcp', new Rows('').pull, new Set([1]))), {});
});

test('who waits at a Unix socket: those of its name that have no inode', () => {
  const waiting = waitingAtPaths(new Rows(UNIX).pull, new Set([34035, 12, 98765432, 34036, 34040, 34041]));
  assert.deepEqual(plain(waiting), { 34035: 2, 12: 1, 98765432: 0, 34040: 1 });
});

test('of two Unix sockets that listen by one name, nobody knows who waits where', () => {
  assert.deepEqual(plain(waitingAtPaths(new Rows(UNIX).pull, new Set([34042, 34043]))), {});
});

test('it does not matter in what pieces a table comes', () => {
  const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 300 }));
  fc.assert(
    fc.property(sizes, (lengths) => {
      const inPieces = (text: string): Pull => {
        const { pull } = new Rows(text);
        return (bytes) => pull(Math.min(bytes, lengths.next().value as number));
      };
      assert.deepEqual(plain(waitingAtPaths(inPieces(UNIX), new Set([34035, 12]))), { 34035: 2, 12: 1 });
      assert.deepEqual(plain(waitingAtPorts('tcp', inPieces(TCP), new Set([33476]))), { 33476: 7 });
      assert.deepEqual(plain(waitingAtPorts('tcp6', inPieces(TCP6), new Set([33483]))), { 33483: 7 });
    }),
  );
});

test('what is no such table is no answer, and no error', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(TCP, TCP6, UNIX));
  fc.assert(
    fc.property(text, text, fc.constantFrom('tcp', 'tcp6'), (one, other, table) => {
      for (const waiting of [
        waitingAtPorts(table, new Rows(one + other).pull, new Set([0, 33476])),
        waitingAtPaths(new Rows(one + other).pull, new Set([0, 34035])),
      ]) {
        for (const count of waiting.values()) assert.ok(Number.isSafeInteger(count) && count >= 0);
      }
    }),
  );
});

test('a table is let be after it was read, for longer if it is long', linux, async (t) => {
  const server = await occupy(t);
  const { ino } = fstatSync((server as unknown as { _handle: { fd: number } })._handle.fd);
  const table = new QueueTable('tcp', [ino]);
  const first = table.read(1_000);
  assert.deepEqual(plain(first), { [ino]: 0 });
  assert.equal(table.read(1_000), first);
  // The table has at least a header and a row, which are 300 bytes: 0.6 ms.
  assert.equal(table.read(1_000.5), first);
  assert.notEqual(table.read(2_000), first);
  assert.deepEqual(plain(table.read(2_000)), { [ino]: 0 });
});

test('a backlog is cut to what the system allows', linux, () => {
  const most = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'));
  assert.equal(effectiveBacklog(1), Math.min(1, most));
  assert.equal(effectiveBacklog(most), most);
  assert.equal(effectiveBacklog(most + 1), most);
});

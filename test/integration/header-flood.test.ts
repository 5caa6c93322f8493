import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { answersIn, ByteClient } from '../helpers/byte-client.js';
import { assertUnharmed, atRest, classes, witnessed } from '../helpers/classes.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n';
const CHUNKED = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
const MB = 1 << 20;
const linuxOnly = { skip: process.platform !== 'linux' && 'needs /proc' };

/** More than the 16 KB that a head may have, by so little that the server reads it in one go. */
const TOO_LARGE: readonly (readonly [name: string, bytes: string, status: number])[] = [
  ['a long value', `${GET}X-A: ${'a'.repeat(17_000)}\r\n\r\n`, 431],
  ['a long name', `${GET}${'a'.repeat(17_000)}: 1\r\n\r\n`, 431],
  ['a long target', `GET /${'a'.repeat(17_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
  ['many headers', `${GET}${'X-Header-A: 12345\r\n'.repeat(1200)}\r\n`, 431],
  ['a long head without an end', `${GET}X-A: ${'a'.repeat(17_000)}`, 431],
  ['many trailers', `${CHUNKED}0\r\n${'X-Header-A: 12345\r\n'.repeat(1200)}\r\n`, 431],
  ['a long chunk extension', `${CHUNKED}1;${'a'.repeat(17_000)}\r\na\r\n0\r\n\r\n`, 413],
];

/** What a client may repeat for ever. */
const ENDLESS: readonly (readonly [name: string, start: string, repeated: string])[] = [
  ['an endless value', `${GET}X-A: `, 'a'.repeat(1000)],
  ['an endless name', GET, 'a'.repeat(1000)],
  ['an endless target', 'GET /', 'a'.repeat(1000)],
  ['headers without end', GET, 'X-A: 1\r\n'.repeat(100)],
  ['trailers without end', `${CHUNKED}0\r\n`, 'X-A: 1\r\n'.repeat(100)],
  ['an endless chunk extension', `${CHUNKED}1;`, 'a'.repeat(1000)],
];

/** The parser has no limit for these, but they leave nothing behind either. */
const FORGOTTEN: readonly (readonly [name: string, start: string, repeated: string])[] = [
  ['empty lines before a request', '', '\r\n'.repeat(500)],
  ['zeros of a chunk size', CHUNKED, '0'.repeat(1000)],
  ['chunks with extensions', CHUNKED, `1;${'a'.repeat(900)}\r\na\r\n`],
];

function resident(pid: number | undefined): number {
  return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

for (const each of classes()) {
  test(`header_flood: too large heads are answered 431: ${each.name}`, async (t) => {
    const host = witnessed(t, each);
    const url = await host.ready();
    for (const [name, bytes, status] of TOO_LARGE) {
      const client = (await ByteClient.connect(url)).send(bytes);
      const seen = answersIn(await client.all()).map((answer) => answer.status);
      assert.deepEqual([client.end, ...seen], ['closed', status], name);
      assert.equal((await get(url)).status, 200, name);
    }
    await assertUnharmed(host);
    await atRest(host);
  });

  test(`header_flood: heads without end are cut off and leave no memory behind: ${each.name}`, linuxOnly, async (t) => {
    const host = witnessed(t, each);
    const url = await host.ready();
    const [worker] = await host.workers();
    await get(url);
    const before = resident(worker?.pid);
    for (let round = 0; round < 3; round++) {
      for (const [name, start, repeated] of ENDLESS) {
        const client = (await ByteClient.connect(url)).send(start);
        // The kernel's buffers take some bytes in any case.
        const sent = await client.flood(repeated, 64 * MB);
        await client.all();
        assert.ok(sent < 64 * MB, `${name}: the server took ${sent} bytes`);
        assert.notEqual(client.end, 'open', name);
        assert.equal((await get(url)).status, 200, name);
      }
    }
    for (const [name, start, repeated] of FORGOTTEN) {
      const client = (await ByteClient.connect(url)).send(start);
      await client.flood(repeated, 8 * MB);
      await client.finish().all();
      assert.equal((await get(url)).status, 200, name);
    }
    const grown = resident(worker?.pid) - before;
    assert.ok(grown < 64 * MB, `${Math.round(grown / MB)} MB more`);
    await assertUnharmed(host);
    await atRest(host);
  });

  test(`header_flood: many heads that are never complete hold nobody up: ${each.name}`, linuxOnly, async (t) => {
    const host = witnessed(t, each);
    const url = await host.ready();
    const [worker] = await host.workers();
    await get(url);
    const before = resident(worker?.pid);
    const half = `${GET}X-A: ${'a'.repeat(15_000)}`;
    const clients = await Promise.all(Array.from({ length: 200 }, () => ByteClient.connect(url)));
    for (const client of clients) client.send(half);
    assert.equal((await get(url)).status, 200);
    const grown = resident(worker?.pid) - before;
    assert.ok(grown < 64 * MB, `${Math.round(grown / MB)} MB for 200 connections`);
    // These bytes take each head beyond its limit.
    for (const client of clients) client.send('a'.repeat(2000));
    for (const client of clients) {
      const [answer] = answersIn(await client.all());
      assert.deepEqual([client.end, answer?.status], ['closed', 431]);
    }
    await assertUnharmed(host);
    await atRest(host);
  });
}

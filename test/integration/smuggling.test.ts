import assert from 'node:assert/strict';
import test from 'node:test';
import { answersIn, ByteClient } from '../helpers/byte-client.js';
import { assertUnharmed, atRest, type ClassUnderTest, classes, witnessed } from '../helpers/classes.js';
import type { Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { BROKEN, PAIRS, type Pair, type Seen } from '../helpers/smuggling.js';
import { type Told, toldBy } from '../helpers/told.js';

keepHosts();

/**
 * What the handlers have seen since message `from`. A marker request follows: when it is seen, all before it has been
 * seen too.
 */
async function seenSince(host: Host, url: string, from: number): Promise<{ seen: Seen[]; next: number }> {
  const marker = `/marker/${from}`;
  assert.equal((await get(url + marker)).status, 200);
  await host.event('worker:message', (_, told: Told) => told.url === marker);
  const all = toldBy(host);
  const end = all.findIndex((told) => told.url === marker);
  const told = all.slice(from, end);
  const seen = told
    .filter(({ method }) => method !== undefined)
    .map(({ number, method = '', url: target = '' }): Seen => {
      const body = told.find((other) => other.number === number && other.body !== undefined)?.body;
      return [method, target, body];
    });
  // The marker's own two messages: the request, and its body.
  await host.until(() => toldBy(host).length >= end + 2, 'the body of the marker');
  return { seen, next: end + 2 };
}

/** What is left of a pair whose connection ended with the first answer: the first request. */
function onlyFirst({ seen, statuses }: Pair): Pick<Pair, 'seen' | 'statuses'> {
  return { seen: seen.slice(0, 1), statuses: statuses.slice(0, 1) };
}

function isBroken({ seen, statuses }: Pick<Pair, 'seen' | 'statuses'>): boolean {
  return statuses.join() === '400' && seen.every(([, , body]) => body === BROKEN);
}

interface Way {
  readonly send: (client: ByteClient, bytes: string) => unknown;
  /** Whether the statuses `got` are right where `wanted` is expected. */
  readonly answered: (got: readonly number[], wanted: readonly number[]) => boolean;
}

/**
 * Sends each pair on a connection of its own; returns the pairs that handlers saw, or that were answered, in another
 * way than expected.
 */
async function deviations(
  host: Host,
  each: ClassUnderTest,
  { send, answered }: Way,
  pairs: readonly Pair[] = PAIRS,
): Promise<string[]> {
  const url = await host.ready();
  const found: string[] = [];
  let from = 0;
  for (const pair of pairs) {
    const client = await ByteClient.connect(url);
    await send(client, pair.bytes);
    // Otherwise the server ends the connection. A thread may do so too, when the first request took long, see
    // ThreadedWorker.
    if (each.keeps && pair.statuses.length === 2) {
      await client.until('"url":"/next"').catch(() => assert.equal(each.name, 'threaded'));
      client.finish();
    }
    const answers = answersIn(await client.all());
    const statuses = answers.map(({ status }) => status);
    // When a thread ends it, the rest of the pair meets a reset, which may overtake the answer that says so.
    const closed =
      each.name === 'threaded' &&
      (answers[0]?.headers.includes('connection: close') || (answers.length === 0 && client.end === 'reset'));
    const want = closed || !each.keeps ? onlyFirst(pair) : pair;
    const { seen, next } = await seenSince(host, url, from);
    from = next;
    // On a busy machine, a request may have to wait. Its body, or the bytes behind it, may then be found broken before
    // its handler is called, and the 400 for that is the answer of the whole connection. Node would give the same
    // answer if the handler had been called.
    const refused = isBroken(want) || (statuses.join() === '400' && want.statuses.join() === '400');
    const isSeen = JSON.stringify(seen) === JSON.stringify(want.seen) || (refused && seen.length === 0);
    if (!answered(statuses, want.statuses) || !isSeen) {
      found.push(`${pair.name}: ${JSON.stringify({ seen, statuses })}`);
    }
  }
  return found;
}

const WAYS: Readonly<Record<string, Way>> = {
  'in one piece': {
    send: (client, bytes) => client.send(bytes),
    answered: (got, wanted) => got.join() === wanted.join(),
  },
  // With small pieces, the end of a line sooner or later falls between two of them. The rest of a refused request meets
  // a closed connection, and the reset that it gets may overtake the answer.
  'in pieces of three bytes': {
    send: (client, bytes) => client.drip(bytes, 3),
    answered: (got, wanted) => got.length <= wanted.length,
  },
};

for (const [name, way] of Object.entries(WAYS)) {
  // One thread, so that all requests are seen in one order.
  for (const each of classes(1)) {
    const waits = each.name !== 'async';
    test(`smuggling_pairs_never_desynchronise: ${each.name}, ${name}`, async (t) => {
      // Without a buffer, the handler is called with the head, and learns later that the body is broken.
      const host = witnessed(t, each, waits ? { requestBuffer: 0 } : {}, { env: { TELLS: '1' } });
      assert.deepEqual(await deviations(host, each, way), []);
      await assertUnharmed(host);
      await atRest(host);
    });
    if (!waits) continue;
    test(`smuggling_pairs_never_desynchronise: ${each.name}, ${name}, no handler is called for a body that is broken`, async (t) => {
      const host = witnessed(t, each, {}, { env: { TELLS: '1' } });
      const broken = PAIRS.map((pair) => ({ ...pair, seen: pair.seen.filter(([, , body]) => body !== BROKEN) }));
      assert.deepEqual(await deviations(host, each, way, broken), []);
      await assertUnharmed(host);
      await atRest(host);
    });
  }
}

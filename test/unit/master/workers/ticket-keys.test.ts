import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test, { type TestContext } from 'node:test';
import {
  hasTicketKeys,
  hearTicketKeys,
  retireTicketKeys,
  shareTicketKeys,
  type TicketKeys,
  ticketKeysFor,
  withSessionContext,
} from '../../../../build/master/workers/ticket-keys.js';
import { eventually } from '../../../helpers/wait.js';

type News = Parameters<Parameters<typeof shareTicketKeys>[0]>[0];

const HOURS = 3_600_000;
const ZERO = Buffer.alloc(48);

function owner(t: TestContext, ticketKeyRotation = 12 * HOURS): { name: string; ticketKeyRotation: number } {
  const own = { name: 'a', ticketKeyRotation };
  t.after(() => retireTicketKeys(own));
  return own;
}
const keysFor = (...args: Parameters<typeof ticketKeysFor>): TicketKeys => ticketKeysFor(...args) as TicketKeys;

test('the keys stay as long as everything that is said of TLS does', (t) => {
  const own = owner(t);
  const first = keysFor(own, { cert: 'x', key: 'y' });
  assert.equal(first.keys.length, 48);
  assert.equal(keysFor(own, { cert: 'x', key: 'y' }), first);
  for (const other of [
    { cert: 'z', key: 'y' },
    { cert: 'x', key: 'y', ca: 'z' },
  ]) {
    const { keys } = keysFor(own, other);
    assert.ok(!keys.equals(first.keys));
  }
  const namesake = keysFor(owner(t), { cert: 'x', key: 'y' });
  assert.ok(!namesake.keys.equals(first.keys), 'another Arbiter has keys of its own');
});

test('who brings keys has no others', (t) => {
  assert.equal(ticketKeysFor(owner(t), { ticketKeys: randomBytes(48) }), undefined);
  assert.equal(hasTicketKeys(), false);
});

test('they are renewed while somebody has them, and overwritten', async (t) => {
  const keys = keysFor(owner(t, 20), { cert: 'x' });
  const first = keys.keys;
  const seen: string[] = [];
  const end = keys.watch((next) => seen.push(next.toString('hex')));
  await eventually(() => seen.length > 2, 'renewals');
  end();
  assert.equal(new Set([...seen, first.toString('hex')]).size, seen.length + 1);
  assert.deepEqual(first, ZERO);
  // Without a worker there is no timer. The next worker gets keys that are not too old.
  const count = seen.length;
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(seen.length, count);
  assert.ok(!seen.includes(keys.keys.toString('hex')));
});

test('0 is never', (t) => {
  const keys = keysFor(owner(t, 0), { cert: 'x' });
  const before = keys.keys;
  keys.watch(() => assert.fail('it was renewed'));
  assert.equal(keys.keys, before);
});

test('those of a generation that is over go when its last worker does', (t) => {
  const own = owner(t);
  const keys = keysFor(own, { cert: 'x' });
  const bytes = keys.keys;
  const end = keys.watch(() => undefined);
  keys.retire();
  assert.notDeepEqual(bytes, ZERO);
  assert.notEqual(keysFor(own, { cert: 'x' }), keys, 'the same certificate again has new keys');
  end();
  assert.deepEqual(bytes, ZERO);
});

test('another process is told of all, and of each that follows', async (t) => {
  const own = owner(t, 50);
  const keys = keysFor(own, { cert: 'x' });
  const told: News[] = [];
  const endShare = shareTicketKeys((news) => told.push(news));
  t.after(endShare);
  // On a slow machine the keys have been renewed by now. Then that has been told as well.
  const { news } = keys;
  assert.deepEqual(told.at(-1), [news]);
  const count = told.length;
  t.after(keys.watch(() => undefined));
  await eventually(() => told.length > count, 'a renewal');
  const made = keysFor(own, { cert: 'y' }).news.purpose;
  assert.equal(told.at(-1)?.[0]?.purpose, made);
  endShare();
});

test('of two that renewed at once the later one counts, wherever it was', (t) => {
  const keys = keysFor(owner(t), { cert: 'x' });
  const { purpose, since = 0 } = keys.news;
  const seen: Buffer[] = [];
  t.after(keys.watch((next) => seen.push(Buffer.from(next))));
  const [older, newer] = [randomBytes(48), randomBytes(48)];
  hearTicketKeys([{ purpose, keys: older.toString('base64'), since: since - 1 }]);
  assert.deepEqual(seen, []);
  hearTicketKeys([{ purpose, keys: newer.toString('base64'), since: since + 1 }]);
  assert.deepEqual(seen, [newer]);
  assert.deepEqual(keys.keys, newer);
});

test('what another process uses is taken when it is needed, and forgotten when that one is gone', (t) => {
  const first = keysFor(owner(t), { cert: 'x' });
  const { purpose } = first.news;
  first.retire();
  const theirs = randomBytes(48);
  const news = [{ purpose, keys: theirs.toString('base64'), since: performance.now() }];
  const endShare = shareTicketKeys(() => undefined);
  hearTicketKeys(news);
  const own = { name: 'a', ticketKeyRotation: 0 };
  t.after(() => retireTicketKeys(own));
  assert.deepEqual(keysFor(own, { cert: 'x' }).keys, theirs);
  retireTicketKeys(own);
  hearTicketKeys(news);
  endShare();
  assert.notDeepEqual(keysFor(own, { cert: 'x' }).keys, theirs);
});

test('of two that another process tells of, one after the other, the later one counts', (t) => {
  const first = keysFor(owner(t), { cert: 'x' });
  const { purpose } = first.news;
  first.retire();
  const [older, newer] = [randomBytes(48), randomBytes(48)];
  const since = performance.now();
  t.after(shareTicketKeys(() => undefined));
  hearTicketKeys([{ purpose, keys: newer.toString('base64'), since }]);
  hearTicketKeys([{ purpose, keys: older.toString('base64'), since: since - 1 }]);
  const own = { name: 'a', ticketKeyRotation: 0 };
  t.after(() => retireTicketKeys(own));
  assert.deepEqual(keysFor(own, { cert: 'x' }).keys, newer);
});

test('what is no news of this version is passed over', (t) => {
  const keys = keysFor(owner(t), { cert: 'x' });
  const { purpose, since = 0 } = keys.news;
  const before = keys.news;
  const later = since + 1;
  const broken: unknown[] = [
    {},
    { purpose, since: later },
    { purpose, since: later, keys: 'AAAA' },
    { purpose, since: later, keys: 7 },
    { purpose, since: later, keys: { toString: 1 } },
    { purpose, since: 'x', keys: before.keys },
    null,
    7,
  ];
  hearTicketKeys(broken as News);
  assert.deepEqual(keys.news, before);
});

test('the session context is the same for all releases, and what the user says', () => {
  const { sessionIdContext } = withSessionContext({ name: 'a' }, {});
  assert.equal(sessionIdContext?.length, 32);
  assert.equal(withSessionContext({ name: 'a' }, { cert: 'x' }).sessionIdContext, sessionIdContext);
  assert.notEqual(withSessionContext({ name: 'b' }, {}).sessionIdContext, sessionIdContext);
  assert.equal(withSessionContext({ name: 'a' }, { sessionIdContext: 'own' }).sessionIdContext, 'own');
});

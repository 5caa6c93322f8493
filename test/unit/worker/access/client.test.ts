import assert from 'node:assert/strict';
import test from 'node:test';
import { trustedProxies } from '../../../../build/options/trust.js';
import type { TrustSpec } from '../../../../build/protocol/spec.js';
import { addressOf, forwardedFor, Proxies, plainAddress, UNIX } from '../../../../build/worker/access/client.js';

const proxies = (value: unknown): Proxies => new Proxies(trustedProxies(value, 'trustProxy') as TrustSpec);

test('who has connected is named unless it is a proxy that is trusted', () => {
  const some = proxies(['10.0.0.0/8', 'fd00::/8', 'loopback']);
  for (const [peer, expected] of [
    ['10.1.2.3', '192.0.2.9'],
    ['fd00::1', '192.0.2.9'],
    ['127.0.0.1', '192.0.2.9'],
    ['::1', '192.0.2.9'],
    ['11.1.2.3', '11.1.2.3'],
    ['fe80::1', 'fe80::1'],
    [UNIX, UNIX],
    ['', ''],
  ] as const) {
    assert.equal(some.clientOf(peer, ['X-Forwarded-For', '192.0.2.9']), expected, peer);
  }
  assert.equal(proxies('unix').clientOf(UNIX, ['x-forwarded-for', '192.0.2.9']), '192.0.2.9');
  assert.equal(proxies(true).clientOf(UNIX, ['x-forwarded-for', '192.0.2.9']), '192.0.2.9');
});

test('of several hops it is the last one that is no trusted proxy', () => {
  const some = proxies('10.0.0.0/8');
  const client = (...values: string[]): string =>
    some.clientOf(
      '10.0.0.1',
      values.flatMap((value) => ['X-Forwarded-For', value]),
    );
  assert.equal(client('203.0.113.7, 192.0.2.9, 10.0.0.2'), '192.0.2.9');
  // What a client wrote itself stands in front of what the proxy has seen.
  assert.equal(client('127.0.0.1', '192.0.2.9'), '192.0.2.9');
  assert.equal(client('10.0.0.3, 10.0.0.2'), '10.0.0.3');
  assert.equal(client('[2001:db8::5]:443'), '2001:db8::5');
  assert.equal(client('192.0.2.9:5555'), '192.0.2.9');
  assert.equal(client('::ffff:192.0.2.9'), '192.0.2.9');
  assert.equal(client('192.0.2.1, unknown'), '10.0.0.1');
  assert.equal(client('evil"\n, 10.0.0.2'), '10.0.0.2');
  assert.equal(client(''), '10.0.0.1');
  assert.equal(some.clientOf('10.0.0.1', []), '10.0.0.1');
  assert.equal(proxies(true).clientOf('10.0.0.1', ['x-forwarded-for', '203.0.113.7, 192.0.2.9']), '203.0.113.7');
});

test('Forwarded, RFC 7239: quotes hold commas, and names of no address are none', () => {
  assert.deepEqual(
    forwardedFor(['for=192.0.2.43, For="[2001:db8:cafe::17]:4711";by=1, proto=http;for=unknown, for="a,b;c"']),
    [...['192.0.2.43', '[2001:db8:cafe::17]:4711', 'unknown', 'a,b;c']],
  );
  const some = proxies(['10.0.0.0/8']);
  assert.equal(
    some.clientOf('10.0.0.1', ['Forwarded', 'for="[2001:db8::17]:4711";proto=https, for=10.0.0.9']),
    '2001:db8::17',
  );
  assert.equal(some.clientOf('10.0.0.1', ['Forwarded', 'for=_hidden, for=10.0.0.9']), '10.0.0.9');
});

test('Forwarded: whatever a client has written in front, in a line of its own or in the same, what its proxy adds is read', () => {
  const some = proxies({ from: '10.0.0.0/8', header: 'forwarded' });
  const client = (...lines: string[]): string =>
    some.clientOf(
      '10.0.0.1',
      lines.flatMap((line) => ['Forwarded', line]),
    );
  const quoted = String.raw`for="[2001:db8::7]:4711";ext="a\\\"b,for=6.6.6.6;c\\"`;
  for (const own of ['for=192.0.2.7', 'for="192.0.2.7:4711"', 'For="[2001:db8::7]:4711" ; proto=https;', quoted]) {
    const expected = own.includes('192') ? '192.0.2.7' : '2001:db8::7';
    for (const given of [
      ...['', ',', 'for=6.6.6.6', 'for="', 'for=6.6.6.6;x="', 'for=6.6.6.6;x="\\', 'for="6.6.6.6', '"', '\\'],
      ...['for=6.6.6.6;x="a\\"', 'for=6.6.6.6;x=', 'for=6.6.6.6 x', 'for=6.6.6.6;'.repeat(500)],
    ]) {
      assert.equal(client(given, own), expected, `${given} in a line in front of ${own}`);
      assert.equal(client(`${given}, ${own}`), expected, `${given} in front of ${own}`);
      assert.equal(client(given, own, 'for=10.0.0.2'), expected, `${given} in front of ${own}, and another proxy`);
    }
  }
});

test('Forwarded: what cannot be read names nobody, and nobody in front of it counts', () => {
  const some = proxies({ from: '10.0.0.0/8', header: 'forwarded' });
  for (const wrong of ['for=6.6.6.6;x="', '6.6.6.6', 'for="6.6.6.6"x', 'for=6.6.6.6 7', 'for =6.6.6.6', '=', 'x="']) {
    assert.deepEqual(forwardedFor([`for=6.6.6.6, ${wrong}`, 'for=10.0.0.2']), ['', '10.0.0.2'], wrong);
    assert.equal(some.clientOf('10.0.0.1', ['forwarded', `for=6.6.6.6, ${wrong}`]), '10.0.0.1', wrong);
    assert.equal(some.clientOf('10.0.0.1', ['forwarded', wrong, 'FORWARDED', 'for=10.0.0.2']), '10.0.0.2', wrong);
  }
  assert.deepEqual(forwardedFor(['for=1;', 'proto=http', 'for=2,,']), ['1', '', '2', '', '']);
  assert.deepEqual(forwardedFor([]), []);
});

test('which of the two headers is believed', () => {
  const both = ['Forwarded', 'for=192.0.2.1', 'X-Forwarded-For', '192.0.2.2'];
  const from = '10.0.0.1';
  // A proxy that sets only one of the headers passes the other on, as its client has sent it.
  assert.equal(proxies({ from }).clientOf(from, both), '192.0.2.2');
  assert.equal(proxies({ from, header: 'forwarded' }).clientOf(from, both), '192.0.2.1');
  assert.equal(proxies({ from, header: 'x-forwarded-for' }).clientOf(from, both.slice(0, 2)), from);
});

test('addresses without what stands around them', () => {
  assert.equal(plainAddress('::ffff:127.0.0.1'), '127.0.0.1');
  assert.equal(plainAddress('::1'), '::1');
  assert.equal(plainAddress('::ffff:c000:209'), '::ffff:c000:209');
  assert.equal(addressOf(' "[::1]:80" '), '::1');
  for (const none of ['', 'a', '1.2.3', '1.2.3.4:', '[', '[]', 'fe80::1%eth0', '_x'])
    assert.equal(addressOf(none), undefined, none);
});

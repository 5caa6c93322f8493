import assert from 'node:assert/strict';
import { SocketAddress } from 'node:net';
import test from 'node:test';
import fc from 'fast-check';
import { type ProxyHeader, parseProxyHeader } from '../../../../build/worker/connections/proxy-header.js';
import { addresses, binary, binaryOf, LOCAL, lineOf, PROXY } from '../../../helpers/proxy-header.js';

const parse = (bytes: string | Uint8Array): ProxyHeader | string | undefined =>
  parseProxyHeader(Buffer.from(bytes as string, 'latin1'));
const client = (bytes: string | Uint8Array): unknown => {
  const header = parse(bytes);
  assert.ok(typeof header === 'object', String(header));
  assert.equal(header.length, bytes.length);
  return header.client;
};
const family = (address: string): string => (address.includes(':') ? 'IPv6' : 'IPv4');

test('version 1: a line names the client, or nobody', () => {
  for (const [address, seen = address] of [
    ['192.0.2.9'],
    ['2001:db8::17'],
    ['2001:0DB8:0:0::0017', '2001:db8::17'],
    ['::ffff:192.0.2.9'],
  ] as const) {
    const expected = { address: seen, port: 4_711, family: family(seen) };
    assert.deepEqual(client(lineOf(address, 4_711)), expected);
  }
  assert.deepEqual(client(lineOf('255.255.255.255', 65_535)), {
    address: '255.255.255.255',
    port: 65_535,
    family: 'IPv4',
  });
  for (const line of [
    'PROXY UNKNOWN\r\n',
    'PROXY UNKNOWN ffff:f::1 ::1 65535 65535\r\n',
    `PROXY UNKNOWN ${'x'.repeat(91)}\r\n`,
  ])
    assert.equal(client(line), undefined, line);
});

test('version 1: what is no such line is refused as soon as that is seen', () => {
  for (const line of [
    ...['GET / HTTP/1.1\r\n', 'Q', 'PROXX', 'proxy TCP4 1.1.1.1 1.1.1.1 1 1\r\n', '\0', ' PROXY', '\x16\x03\x01'],
    ...[
      'PROXY \r\n',
      'PROXY\r\n',
      'PROXY TCP4\r\n',
      'PROXY UNKNOWNX\r\n',
      'PROXY unknown\r\n',
      'PROXY TCP5 a b 1 1\r\n',
    ],
    ...[
      'PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n',
      'PROXY TCP4 1.1.1.1 1.1.1.1 1 1 \r\n',
      'PROXY TCP4  1.1.1.1 1.1.1.1 1 1\r\n',
    ],
    ...[
      'PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n',
      'PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\r\n',
      'PROXY TCP4 1.1.1.1 1.1.1.1 1 65536\r\n',
    ],
    ...[
      'PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n',
      'PROXY TCP4 1.1.1.1 1.1.1.1 -1 1\r\n',
      'PROXY TCP4 1.1.1.1 1.1.1.1 1e1 1\r\n',
    ],
    ...['PROXY TCP4 ::1 ::1 1 1\r\n', 'PROXY TCP6 1.1.1.1 1.1.1.1 1 1\r\n', 'PROXY TCP6 fe80::1%lo ::1 1 1\r\n'],
    ...[
      'PROXY TCP4 01.1.1.1 1.1.1.1 1 1\r\n',
      'PROXY TCP4 1.1.1 1.1.1.1 1 1\r\n',
      'PROXY TCP4 1.1.1.1\t1.1.1.1 1 1\r\n',
    ],
    ...['PROXY TCP4 1.1.1.1 1.1.1.1 1 1 x\r\n', 'PROXY TCP4 a b 1 1\r\n', `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`],
    `PROXY ${'x'.repeat(101)}`,
  ])
    assert.equal(typeof parse(line), 'string', JSON.stringify(line));
  assert.equal(parse(`PROXY ${'x'.repeat(100)}`), undefined);
});

test('version 2: the addresses name the client, or nobody; what follows them is passed over', () => {
  const more = Buffer.from([3, 0, 4, 1, 2, 3, 4]);
  const expected = { address: '192.0.2.9', port: 4_711, family: 'IPv4' };
  for (const header of [binaryOf('192.0.2.9', 4_711), binaryOf('192.0.2.9', 4_711, more)])
    assert.deepEqual(client(header), expected);
  const source = Buffer.from('20010db8000000000000000000000017', 'hex');
  for (const transport of [0x21, 0x22, 0x20])
    assert.deepEqual(client(binary(PROXY, transport, addresses(source, 1, more))), {
      address: '2001:db8::17',
      port: 1,
      family: 'IPv6',
    });
  assert.deepEqual(client(binary(PROXY, 0x31, Buffer.alloc(216))), {});
  // Headers of a check by the proxy itself, or of a connection that the proxy does not know.
  for (const header of [
    binary(LOCAL, 0, Buffer.alloc(0)),
    binary(LOCAL, 0x11, addresses(Buffer.from([192, 0, 2, 9]), 1)),
    binary(LOCAL, 0xff, more),
    binary(PROXY, 0, Buffer.alloc(0)),
    binary(PROXY, 0, more),
  ])
    assert.equal(client(header), undefined);
  assert.deepEqual(client(binaryOf('192.0.2.9', 4_711, Buffer.alloc(4_096 - 28))), expected);
});

test('version 2: what is no such header is refused before it has come', () => {
  for (const header of [
    binary(2, 0x11, Buffer.alloc(12)),
    binary(PROXY, 0x11, Buffer.alloc(12), 1),
    binary(PROXY, 0x11, Buffer.alloc(12), 3),
    binary(PROXY, 0x41, Buffer.alloc(300)),
    binary(PROXY, 0x13, Buffer.alloc(12)),
    binary(PROXY, 0x11, Buffer.alloc(11)),
    binary(PROXY, 0x21, Buffer.alloc(35)),
    binary(PROXY, 0x31, Buffer.alloc(215)),
    binary(PROXY, 0x11, Buffer.alloc(4_081)),
    binary(LOCAL, 0, Buffer.alloc(65_535)),
  ])
    assert.equal(typeof parse(header.subarray(0, 16)), 'string', header.subarray(12, 16).toString('hex'));
  assert.equal(typeof parse('\r\nGET'), 'string');
});

const port = fc.nat(65_535);
const header = fc.oneof(
  fc.tuple(fc.ipV4(), port).map(([address, number]) => [lineOf(address, number), address, number] as const),
  fc.tuple(fc.ipV6(), port).map(([address, number]) => [lineOf(address, number), address, number] as const),
  fc
    .tuple(fc.ipV4(), port, fc.uint8Array({ maxLength: 300 }))
    .map(([address, number, more]) => [binaryOf(address, number, more), address, number] as const),
  fc.tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), port).map(([source, number]) => {
    const groups = Buffer.from(source).toString('hex').match(/.{4}/g) as string[];
    return [binary(PROXY, 0x21, addresses(source, number)), groups.join(':'), number] as const;
  }),
);

test('whatever comes behind a header is left alone, and in whatever pieces it comes, it says the same', () => {
  fc.assert(
    fc.property(header, fc.uint8Array({ maxLength: 200 }), ([bytes, address, number], rest) => {
      const all = Buffer.concat([bytes, rest]);
      for (let length = 0; length < bytes.length; length++) assert.equal(parse(all.subarray(0, length)), undefined);
      const expected = new SocketAddress({ address, family: family(address).toLowerCase() as 'ipv4' }).address;
      const found = { length: bytes.length, client: { address: expected, port: number, family: family(address) } };
      for (let length = bytes.length; length <= all.length; length++)
        assert.deepEqual(parse(all.subarray(0, length)), found);
    }),
  );
});

test('garbage is never more than it is, and what has been said of its beginning stays', () => {
  const begun = fc.constantFrom(
    '',
    'PROXY ',
    'PROXY TCP4 ',
    'PROXY TCP6 ::1 ::1 1 ',
    '\r\n\r\n\0\r\nQUIT\n',
    '\r\n\r\n\0\r\nQUIT\n!\x11\0',
  );
  const text = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.array(fc.constantFrom(...' .:0129af\r\nTCP'), { maxLength: 150 }).map((all) => Buffer.from(all.join(''))),
  );
  fc.assert(
    fc.property(begun, text, (beginning, more) => {
      const all = Buffer.concat([Buffer.from(beginning, 'latin1'), more]);
      const whole = parse(all);
      if (typeof whole === 'object') assert.ok(whole.length <= all.length);
      let said = false;
      for (let length = 0; length <= all.length; length++) {
        const found = parse(all.subarray(0, length));
        if (found === undefined) assert.ok(!said);
        else assert.deepEqual(found, whole);
        said = found !== undefined;
      }
    }),
    { numRuns: 1_000 },
  );
});

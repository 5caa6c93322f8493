import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import test from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { draftOf, formatAddress, MAX_PATH, parseBind } from '../../../build/options/address.js';
import type { BindAddress } from '../../../build/options/resolved.js';
import { assertInvalid, passesOrIsRefused } from '../invalid.js';

const tcp = (host: string | undefined, port: number): BindAddress => ({ kind: 'tcp', host, port });
const unix = (path: string, mode?: number): BindAddress => ({ kind: 'unix', path, mode });
const fd = (number: number): BindAddress => ({ kind: 'fd', fd: number });
const systemd = (name?: string): BindAddress => ({ kind: 'systemd', name });

const LONGEST = `/${'x'.repeat(MAX_PATH - 1)}`;

const FORMS: readonly (readonly [value: unknown, address: BindAddress, text: string])[] = [
  ['127.0.0.1:8000', tcp('127.0.0.1', 8000), '127.0.0.1:8000'],
  ['localhost:0', tcp('localhost', 0), 'localhost:0'],
  [':65535', tcp(undefined, 65535), ':65535'],
  ['[::1]:8000', tcp('::1', 8000), '[::1]:8000'],
  ['[::]:8000', tcp('::', 8000), '[::]:8000'],
  ['[fe80::1%eth0]:80', tcp('fe80::1%eth0', 80), '[fe80::1%eth0]:80'],
  ['[::ffff:127.0.0.1]:80', tcp('::ffff:127.0.0.1', 80), '[::ffff:127.0.0.1]:80'],
  ['unix:/run/app.sock', unix('/run/app.sock'), 'unix:/run/app.sock'],
  ['unix:/a b:c.sock', unix('/a b:c.sock'), 'unix:/a b:c.sock'],
  [`unix:${LONGEST}`, unix(LONGEST), `unix:${LONGEST}`],
  ['fd://3', fd(3), 'fd://3'],
  ['systemd', systemd(), 'systemd'],
  ['systemd:web', systemd('web'), 'systemd:web'],
  // This is not port 80 of a host of that name.
  ['systemd:80', systemd('80'), 'systemd:80'],
  [{ host: 'systemd', port: 80 }, tcp('systemd', 80), 'systemd:80'],
  [`systemd:${'x'.repeat(255)}`, systemd('x'.repeat(255)), `systemd:${'x'.repeat(255)}`],
  [{ port: 80 }, tcp(undefined, 80), ':80'],
  [{ host: '::1', port: 80 }, tcp('::1', 80), '[::1]:80'],
  [{ host: undefined, port: 80 }, tcp(undefined, 80), ':80'],
  [{ path: '/run/app.sock' }, unix('/run/app.sock'), 'unix:/run/app.sock'],
  [{ path: '/run/app.sock', mode: 0o660 }, unix('/run/app.sock', 0o660), 'unix:/run/app.sock'],
  [
    { path: '/run/app.sock', mode: 0o660, user: 'www-data', group: 33 },
    { ...unix('/run/app.sock', 0o660), user: 'www-data', group: 33 } as BindAddress,
    'unix:/run/app.sock',
  ],
  [{ path: '/run/app.sock', group: 0 }, { ...unix('/run/app.sock'), group: 0 } as BindAddress, 'unix:/run/app.sock'],
  [{ fd: 7 }, fd(7), 'fd://7'],
];

for (const [value, address, text] of FORMS) {
  test(`${JSON.stringify(value).slice(0, 50)} is ${text.slice(0, 40)}`, () => {
    assert.deepEqual(parseBind(value, 'bind'), [address]);
    assert.deepEqual(parseBind([value], 'bind'), [address]);
    assert.equal(formatAddress(address), text);
  });
}

const ANY_FORM = "'host:port', ':port', '[v6]:port', 'unix:/path', 'fd://N', 'systemd', 'systemd:NAME'";
const NAME = "'systemd:' and 1 to 255 printable ASCII characters without ':'";
const REFUSED: readonly (readonly [value: unknown, expected: string, option?: string])[] = [
  ...[
    '',
    '8000',
    'localhost',
    'localhost:',
    'localhost:http',
    '::1:80',
    '[::1]',
    '[::1:80',
    'a b:80',
    'http://a:80',
    'a:-1',
  ].map((value) => [value, ANY_FORM] as const),
  ...['[]:80', '[localhost]:80', 'a\0b:80'].map((value) => [value, ANY_FORM] as const),
  ['a:65536', 'an integer from 0 to 65535'],
  ['a:123456', ANY_FORM],
  ...['', 'a:b', 'a\nb', 'é', 'x'.repeat(256)].map((name) => [`systemd:${name}`, NAME] as const),
  ['systemd.service:http', ANY_FORM],
  ['fd://', ANY_FORM],
  ['fd://-1', ANY_FORM],
  ['fd://99999999999', 'an integer from 0 to 2147483647'],
  ['unix:', 'not empty'],
  ['unix:run/app.sock', 'an absolute path'],
  ['unix:/a\0b', 'no NUL'],
  [`unix:${LONGEST}x`, `at most ${MAX_PATH} bytes`],
  [`unix:${LONGEST}xxx`, `and not of ${MAX_PATH + 3}`],
  // Bytes count, not characters.
  [`unix:/${'é'.repeat(Math.ceil(MAX_PATH / 2))}`, `and not of ${1 + 2 * Math.ceil(MAX_PATH / 2)}`],
  ['unix:/run/', 'an absolute path of a Unix socket'],
  [{ path: `${LONGEST}x` }, `at most ${MAX_PATH} bytes`, 'bind.path'],
  [{ path: 'relative' }, 'an absolute path', 'bind.path'],
  [{ path: '/s', mode: 0o1000 }, 'an integer from 0 to 0o777', 'bind.mode'],
  [{ path: '/s', mode: '660' }, 'an integer from 0 to 0o777', 'bind.mode'],
  [{ path: '/s', user: 'a b' }, 'a name or a number', 'bind.user'],
  [{ path: '/s', group: -1 }, 'a name or a number', 'bind.group'],
  [{ port: '80' }, 'an integer from 0 to 65535', 'bind.port'],
  [{ host: '', port: 80 }, 'not empty', 'bind.host'],
  [{ host: 1, port: 80 }, 'a string', 'bind.host'],
  [{ fd: -1 }, 'an integer from 0 to 2147483647', 'bind.fd'],
  ...[{}, { host: 'a' }, { mode: 0o600 }, { port: 80, path: '/s' }, { port: 80, fd: 3 }, { path: '/s', fd: 3 }].map(
    (value) => [value, '{ host, port }, { path, mode, user, group } or { fd }'] as const,
  ),
  ...[
    { port: 80, mode: 0o600 },
    { port: 80, user: 'a' },
    { fd: 3, mode: 0o600 },
    { fd: 3, group: 1 },
    { fd: 3, host: 'a' },
    { port: 80, ipv6Only: true },
  ].map((value) => [value, '{ host, port }, { path, mode, user, group } or { fd }'] as const),
  ...[null, undefined, 80, true, 3n, Symbol('a')].map((value) => [value, ANY_FORM] as const),
  [new URL('unix:/run/app.sock'), 'a plain object'],
  [[[':80']], 'a plain object', 'bind[0]'],
  // biome-ignore lint/suspicious/noSparseArray: the point of this case.
  [[, ':80'], ANY_FORM, 'bind[0]'],
];

for (const [value, expected, option = 'bind'] of REFUSED) {
  test(`${inspect(value).slice(0, 50)} is refused`, () => {
    assertInvalid(() => parseBind(value, 'bind'), `option '${option}'`, expected, 'got ');
  });
}

test('an address given twice is refused, in whatever form', () => {
  for (const [first, second] of [
    [':80', { port: 80 }],
    ['127.0.0.1:80', '127.0.0.1:080'],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['unix:/s', { path: '/s', mode: 0o600 }],
    ['fd://3', { fd: 3 }],
    ['systemd:web', 'systemd:web'],
  ]) {
    assertInvalid(() => parseBind([first, ':1', second], 'bind'), "option 'bind[2]'", 'addresses that differ', 'got ');
  }
  // Port 0 is another port each time. An address of one interface is not that of another, nor that of all.
  assert.equal(parseBind([':0', ':0', '127.0.0.1:80', '[::1]:80', ':80'], 'bind').length, 5);
});

const port = fc.integer({ min: 0, max: 65_535 });
const host = fc.option(fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()), { nil: undefined });
const path = fc
  .string({ minLength: 1, maxLength: 102, unit: fc.string({ minLength: 1, maxLength: 1 }).filter((c) => c !== '\0') })
  .map((name) => `/${name}`)
  .filter((whole) => !whole.endsWith('/'));
const name = fc.string({ minLength: 1, maxLength: 255 }).filter((text) => !text.includes(':'));
const address = fc.oneof(
  fc.tuple(host, port).map(([name, number]) => tcp(name, number)),
  path.map((name) => unix(name)),
  fc.nat(2 ** 31 - 1).map(fd),
  name.map(systemd),
);

test('an address that is formatted and parsed is the same address', () => {
  fc.assert(fc.property(address, (given) => assert.deepEqual(parseBind(formatAddress(given), 'bind'), [given])));
});

test('several addresses keep their order', () => {
  fc.assert(
    fc.property(fc.uniqueArray(address, { minLength: 1, selector: formatAddress }), (given) => {
      assert.deepEqual(parseBind(given.map(formatAddress), 'bind'), given);
    }),
  );
});

test('no string does anything but parse or be refused, and what parses is in range', () => {
  const piece = fc.constantFrom('unix:', '/', 'fd://', '[', ']', ':', '::', '80', '65536', 'a', '%', '\0', ' ', '-');
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece).map((pieces) => pieces.join('')),
  );
  fc.assert(
    fc.property(text, (value) =>
      passesOrIsRefused(() => {
        const [parsed] = parseBind(value, 'bind');
        if (parsed?.kind === 'tcp')
          assert.ok(parsed.port <= 65_535 && parsed.host !== '' && !parsed.host?.includes('\0'));
        if (parsed?.kind === 'unix')
          assert.ok(parsed.path.startsWith('/') && Buffer.byteLength(parsed.path) <= MAX_PATH);
      }),
    ),
    { numRuns: 3000 },
  );
});

test('the name that a Unix socket is bound by first is another one in the same folder, and fits as well', () => {
  const name = fc.string({
    unit: fc.constantFrom('a', '~', '-', 'é', '€', '😀', ' '),
    minLength: 1,
    maxLength: MAX_PATH,
  });
  const path = fc.tuple(fc.nat(MAX_PATH), name).map(([depth, last]) => `/${'d'.repeat(depth)}/${last}`);
  const fitting = path.filter((candidate) => Buffer.byteLength(candidate) <= MAX_PATH);
  const longest = fitting.map((candidate) => candidate + 'x'.repeat(MAX_PATH - Buffer.byteLength(candidate)));
  fc.assert(
    fc.property(fc.oneof(fitting, longest), (given) => {
      const draft = draftOf(given);
      assert.notEqual(draft, given);
      assert.ok(Buffer.byteLength(draft) <= MAX_PATH, draft);
      assert.equal(dirname(draft), dirname(given));
      assert.equal(draftOf(given), draft);
    }),
  );
});

test('the name that a Unix socket is bound by first is not that of another one', () => {
  const folder = `/${'d'.repeat(MAX_PATH - 17)}/`;
  const names = [...Array(100).keys()].map((number) => `app-${String(number).padStart(11, '0')}`);
  assert.equal(Buffer.byteLength(folder + names[0]), MAX_PATH);
  assert.equal(new Set(names.flatMap((name) => [folder + name, draftOf(folder + name)])).size, 200);
  // The name is a single byte, and that is the one that a draft would have.
  assert.equal(draftOf(`/${'d'.repeat(MAX_PATH - 3)}/~`), `/${'d'.repeat(MAX_PATH - 3)}/-`);
});

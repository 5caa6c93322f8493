import assert from 'node:assert/strict';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import test from 'node:test';
import fc from 'fast-check';
import { closingHeaders, ownHead } from '../../../../build/worker/connections/response-head.js';

type Headers = Parameters<typeof closingHeaders>[0];

const SHAPES: readonly (readonly [what: string, given: Headers, said: Headers])[] = [
  [
    'an object',
    { 'Content-Type': 'a/b', Connection: 'keep-alive', 'Keep-Alive': 'timeout=5', A: 1 },
    { 'Content-Type': 'a/b', Connection: 'close', A: 1 },
  ],
  ['an object, any case', { CONNECTION: 'Keep-Alive', 'keep-ALIVE': '1', A: 1 }, { CONNECTION: 'close', A: 1 }],
  ['what else it names', { Connection: 'Upgrade, keep-alive' }, { Connection: 'Upgrade, close' }],
  ['a list of what it names', { Connection: ['x', 'keep-alive', 'y'] }, { Connection: 'x, y, close' }],
  ['one that says so already', { Connection: 'close' }, { Connection: 'close' }],
  ['a value that Node refuses', { Connection: undefined }, { Connection: undefined }],
  ['a flat list', ['A', '1', 'connection', 'keep-alive', 'B', '2'], ['A', '1', 'connection', 'close', 'B', '2']],
  ['a flat list, twice', ['Keep-Alive', '1', 'A', '1', 'keep-alive', '2'], ['A', '1']],
  ['half a pair, which Node refuses', ['A', '1', 'Connection'], ['A', '1', 'Connection']],
  [
    'pairs',
    [
      ['A', '1'],
      ['Keep-Alive', 'x'],
      ['Connection', 'y'],
      ['B', ['2', '3']],
    ],
    [
      ['A', '1'],
      ['Connection', 'y, close'],
      ['B', ['2', '3']],
    ],
  ],
];

for (const [what, given, said] of SHAPES) {
  test(`headers: ${what}`, () => {
    const before = structuredClone(given);
    assert.deepEqual(closingHeaders(given), said);
    assert.deepEqual(given, before);
  });
}

const UNTOUCHED: readonly Headers[] = [
  { 'Set-Cookie': ['a=1', 'b=2'] },
  { 'Proxy-Connection': 'a', 'Keep-Alive-2': 'b' },
  {},
  ['Set-Cookie', 'a', 'Set-Cookie', 'b'],
  [['Set-Cookie', ['a', 'b']]],
  [],
];

test('headers that say nothing of the connection are handed on as they are', () => {
  for (const given of UNTOUCHED) assert.equal(closingHeaders(given), given);
  const values = ['A', 'Connection', 'B', 'keep-alive'];
  assert.deepEqual(closingHeaders(values), values);
});

test('the three shapes say the same', () => {
  const name = fc.oneof(
    fc.constantFrom('Connection', 'connection', 'Keep-Alive', 'keep-alive'),
    fc.stringMatching(/^[A-Za-z-]{1,12}$/),
  );
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(name, fc.string()), { selector: ([key]) => key }), (pairs) => {
      const object = Object.entries(closingHeaders(Object.fromEntries(pairs))).sort();
      const list = closingHeaders(pairs) as [string, string][];
      assert.deepEqual([...list].sort(), object);
      assert.deepEqual(closingHeaders(pairs.flat()), list.flat());
      const others = (all: readonly [string, string][]) =>
        all.filter(([key]) => !/^(connection|keep-alive)$/i.test(key));
      assert.deepEqual(others(list), others(pairs));
    }),
  );
});

interface Made {
  readonly response: ServerResponse & { readonly _header?: string };
  /** What the owner was asked and told, in order. */
  readonly owner: string[];
}

function make(closes: () => boolean, more: object = {}): Made {
  const request = new IncomingMessage(new Socket());
  Object.assign(request, { httpVersionMajor: 1, httpVersionMinor: 1, method: 'GET', ...more });
  const response = new ServerResponse(request);
  const owner: string[] = [];
  const asked = {
    closes: () => owner.push('asked') > 0 && closes(),
    headSent: () => void owner.push('head 9'),
  };
  ownHead(response, asked);
  return { response, owner };
}

const lines = ({ response }: Made): string[] =>
  (response._header ?? '').split('\r\n').filter((line) => line !== '' && !line.startsWith('Date: '));

test('the owner is asked when the head is written, and told that it is', () => {
  let draining = false;
  const made = make(() => draining);
  made.response.setHeader('A', '1');
  assert.deepEqual(made.owner, []);
  draining = true;
  assert.equal(made.response.writeHead(201, { B: '2', Connection: 'keep-alive' }), made.response);
  assert.deepEqual(made.owner, ['asked', 'head 9']);
  assert.deepEqual(lines(made).slice(0, 4), ['HTTP/1.1 201 Created', 'A: 1', 'B: 2', 'Connection: close']);
  assert.equal(made.response.getHeader('connection'), 'close');
});

test('a head that stays open is not touched', () => {
  const made = make(() => false);
  made.response.setHeader('Keep-Alive', 'timeout=7');
  made.response.writeHead(200, { Connection: 'keep-alive, x' });
  assert.deepEqual(lines(made).slice(0, 3), ['HTTP/1.1 200 OK', 'Keep-Alive: timeout=7', 'Connection: keep-alive, x']);
});

test('what the application has set, or does not want, is no way around it', () => {
  for (const set of [
    ({ response }: Made) => response.setHeader('connection', 'keep-alive').setHeader('keep-alive', 'timeout=9'),
    ({ response }: Made) => response.setHeader('Connection', 'keep-alive').removeHeader('Connection'),
    ({ response }: Made) => Object.assign(response, { shouldKeepAlive: true }),
  ]) {
    const made = make(() => true);
    set(made);
    made.response.writeHead(200);
    assert.deepEqual(
      lines(made).filter((line) => /^(connection|keep-alive)/i.test(line)),
      ['Connection: close'],
    );
  }
});

test('what Node refuses is refused in its words, and nobody is told of a head', () => {
  const made = make(() => true);
  assert.throws(() => made.response.writeHead(99), { code: 'ERR_HTTP_INVALID_STATUS_CODE' });
  assert.throws(() => made.response.writeHead(200, { Connection: undefined }), {
    code: 'ERR_HTTP_INVALID_HEADER_VALUE',
  });
  assert.throws(() => made.response.writeHead(200, ['Connection'] as string[]), { code: 'ERR_INVALID_ARG_VALUE' });
  assert.ok(!made.owner.includes('head 9'));
  made.response.writeHead(200);
  assert.throws(() => made.response.writeHead(200, { A: '1' }), {
    code: 'ERR_HTTP_HEADERS_SENT',
    message: 'Cannot write headers after they are sent to the client',
  });
  assert.deepEqual(made.owner.filter((told) => told === 'head 9').length, 1);
});

test('what a framework puts on the prototype is called, also through what inherits from the response', () => {
  for (const heir of [(response: object) => response, (response: object) => Object.create(response)]) {
    const made = make(() => true);
    const calls: unknown[][] = [];
    const prototype = Object.create(ServerResponse.prototype, {
      writeHead: { value: (...args: unknown[]) => void calls.push(args) },
    });
    Object.setPrototypeOf(made.response, prototype);
    heir(made.response).writeHead(200, 'Fine', { A: '1' });
    assert.deepEqual(calls, [[200, 'Fine', { A: '1' }]]);
  }
});

test('a method that is borrowed writes as the one of Node', () => {
  const { response } = make(() => true);
  const request = Object.assign(new IncomingMessage(new Socket()), { httpVersionMajor: 1, httpVersionMinor: 1 });
  const other = new ServerResponse(request) as Made['response'];
  response.writeHead.call(other, 204);
  assert.match(other._header ?? '', /^HTTP\/1\.1 204 No Content\r\n/);
});

test('a response of HTTP/2 keeps its own', () => {
  const { response } = make(() => true, { stream: {} });
  assert.equal(Object.hasOwn(response, 'writeHead'), false);
  // A version that a client writes in its request is no sign of HTTP/2.
  assert.equal(Object.hasOwn(make(() => true, { httpVersionMajor: 2 }).response, 'writeHead'), true);
});

test('a writeHead that a response has of its own already is called by ours', () => {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  const { writeHead } = response;
  const seen: string[] = [];
  response.writeHead = function (this: ServerResponse, ...args: Parameters<typeof writeHead>) {
    seen.push('the tracer');
    this.setHeader('X-Traced', '1');
    return writeHead.apply(this, args);
  } as typeof writeHead;
  ownHead(response, { closes: () => true, headSent: () => seen.push('sent') });
  response.writeHead(200);
  assert.deepEqual(seen, ['the tracer', 'sent']);
  assert.deepEqual([response.getHeader('x-traced'), response.shouldKeepAlive], ['1', false]);
});

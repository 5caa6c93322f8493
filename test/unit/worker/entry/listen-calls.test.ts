import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createServer as createPlain } from 'node:net';
import test from 'node:test';
import { decodeScript, encodeScript } from '../../../../build/protocol/script.js';
import { type Asked, askedText, fateOf, readListen } from '../../../../build/worker/entry/listen-calls.js';

const callback = (): void => undefined;

test('listen() in all of its forms', () => {
  const cases: readonly [args: unknown[], asked: Asked, text?: string][] = [
    [[], { port: 0, inherited: false }, ':0'],
    [[callback], { port: 0, inherited: false }],
    [[3000], { port: 3000, inherited: false }, ':3000'],
    [['3000', callback], { port: 3000, inherited: false }],
    [[3000, '127.0.0.1', 511, callback], { port: 3000, host: '127.0.0.1', inherited: false }, '127.0.0.1:3000'],
    [[3000, 511, callback], { port: 3000, inherited: false }],
    [[undefined, callback], { port: 0, inherited: false }],
    [[{ port: 3000, host: '::1' }], { port: 3000, host: '::1', inherited: false }, '[::1]:3000'],
    [[{ port: '80', host: '' }], { port: 80, inherited: false }],
    [['/run/a.sock'], { path: '/run/a.sock', inherited: false }, 'unix:/run/a.sock'],
    [[{ path: '/run/a.sock' }, callback], { path: '/run/a.sock', inherited: false }],
    [[{ fd: 0 }], { inherited: true }],
    [[{ _handle: {} }], { inherited: true }],
  ];
  for (const [args, asked, text] of cases) {
    assert.deepEqual(readListen(args), asked);
    if (text !== undefined) assert.equal(askedText(asked), text);
  }
});

test('which server of a script is served', () => {
  const http = createServer();
  const plain = createPlain();
  const port = (number: number): Asked => ({ port: number, inherited: false });
  const chosen = { asked: port(3000), ports: [8000, 3000] };
  const first = { wanted: undefined, chosen: undefined };
  const later = { wanted: undefined, chosen };
  assert.equal(fateOf(http, port(3000), first), 'serve');
  assert.equal(fateOf(http, port(0), first), 'serve');
  assert.equal(fateOf(http, { path: '/run/a', inherited: false }, first), 'serve');
  assert.equal(fateOf(plain, port(3000), first), 'refuse', 'it speaks something else');
  assert.equal(fateOf(plain, port(0), first), 'leave');
  assert.equal(fateOf(http, { inherited: true }, first), 'leave');
  assert.equal(fateOf(http, port(9090), { wanted: 3000, chosen: undefined }), 'refuse');
  assert.equal(fateOf(http, port(3000), { wanted: 3000, chosen: undefined }), 'serve');
  // Fastify's server for the other address of localhost.
  assert.equal(fateOf(http, { ...port(8000), host: '::1' }, later), 'same');
  assert.equal(fateOf(http, port(3000), later), 'same');
  assert.equal(fateOf(http, port(9090), later), 'refuse');
  assert.equal(fateOf(http, port(0), later), 'leave');
  assert.equal(fateOf(http, { path: '/run/a', inherited: false }, later), 'refuse');
});

test('a script in the place of a specifier', () => {
  const script = { path: './a b#c.js', args: ['--port=3', 'ü & #'], port: 0 };
  assert.deepEqual(decodeScript(encodeScript(script)), script);
  const bare = { path: '/srv/server.js', args: [], port: undefined };
  assert.deepEqual(decodeScript(encodeScript(bare)), bare);
  assert.equal(decodeScript('./app.js#script'), undefined);
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { type Asking, ask, type ControlPlace, tell } from '../helpers/control.js';
import { Host } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { temporaryFolder } from '../helpers/place.js';
import { shared } from '../helpers/shared.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

const TOKEN = 'correct-horse-battery';
const BEARER = { Authorization: `Bearer ${TOKEN}` };

let path: string;
const ofFile = shared((t) => {
  path = join(temporaryFolder(t), 'control');
  return new Host(t, { control: `unix:${path}`, workers: 1 });
});
const ofPort = shared((t) => new Host(t, { control: { port: 0, token: TOKEN }, workers: 1 }));

async function unix(): Promise<ControlPlace> {
  await ofFile().ready();
  return { socketPath: path };
}
async function tcp(): Promise<{ host: string; port: number }> {
  const [address] = await ofPort().event('control');
  return { host: address.address, port: address.port };
}

/** What a browser on this machine, or another client, may send. `{port}` is the port that is asked. */
const ROWS: readonly (readonly [who: string, status: number, asking: Asking, path?: string])[] = [
  ['the right token', 200, { headers: BEARER }],
  ['the right token, as a scheme is spelled', 200, { headers: { Authorization: `bearer  ${TOKEN}` } }],
  ['no token', 401, {}],
  ['a wrong token', 401, { headers: { Authorization: 'Bearer correct-horse-batterz' } }],
  ['a token that is the begin of the right one', 401, { headers: { Authorization: 'Bearer correct-horse' } }],
  ['the token by another scheme', 401, { headers: { Authorization: `Basic ${TOKEN}` } }],
  ['the token in the query', 401, {}, `/stats?token=${TOKEN}`],
  ['the token in a cookie', 401, { headers: { Cookie: `token=${TOKEN}` } }],
  ['localhost', 200, { headers: { ...BEARER, Host: 'localhost:{port}' } }],
  ['a foreign Host, as after DNS rebinding', 421, { headers: { ...BEARER, Host: 'evil.example:{port}' } }],
  ['a Host that begins as the right one', 421, { headers: { ...BEARER, Host: '127.0.0.1.evil.example:{port}' } }],
  ['a Host with a user', 421, { headers: { ...BEARER, Host: 'evil@127.0.0.1:{port}' } }],
  ['a Host with another port', 421, { headers: { ...BEARER, Host: '127.0.0.1:1' } }],
  ['a Host without the port', 421, { headers: { ...BEARER, Host: '127.0.0.1' } }],
  ['its own page', 200, { headers: { ...BEARER, Origin: 'http://127.0.0.1:{port}', 'Sec-Fetch-Site': 'same-origin' } }],
  ['an address that was typed', 200, { headers: { ...BEARER, 'Sec-Fetch-Site': 'none' } }],
  ['a foreign page', 403, { headers: { ...BEARER, Origin: 'https://evil.example' } }],
  ['a page without an origin', 403, { headers: { ...BEARER, Origin: 'null' } }],
  ['a page of another port of this machine', 403, { headers: { ...BEARER, Origin: 'http://127.0.0.1:3000' } }],
  ['a link in a foreign page', 403, { headers: { ...BEARER, 'Sec-Fetch-Site': 'cross-site' } }],
  ['a page of the same site', 403, { headers: { ...BEARER, 'Sec-Fetch-Site': 'same-site' } }],
  ['a foreign page that would load the page', 403, { headers: { 'Sec-Fetch-Site': 'cross-site' } }, '/'],
  ['DNS rebinding that would load the page', 421, { headers: { Host: 'evil.example:{port}' } }, '/'],
  ['the page itself, which knows nothing', 200, {}, '/'],
  ['a path that is none', 404, { headers: BEARER }, '/nothing'],
  ['a path that is none, without a token', 401, {}, '/nothing'],
  ['a whole address', 200, { headers: BEARER }, 'http://127.0.0.1:{port}/stats'],
  [
    'a whole address, whose host is the one that counts',
    200,
    { headers: { ...BEARER, Host: 'evil.example' } },
    'HTTP://localhost:{port}/stats?a',
  ],
  ['a whole address with a foreign host', 421, { headers: BEARER }, 'http://evil.example:{port}/stats'],
  ['a whole address with a user', 421, { headers: BEARER }, 'http://evil@127.0.0.1:{port}/stats'],
  ['a whole address without the port', 421, { headers: BEARER }, 'http://127.0.0.1/stats'],
  ['a whole address that is none of its paths', 404, { headers: BEARER }, 'http://127.0.0.1:{port}/nothing'],
  ['a whole address without a token', 401, {}, 'http://127.0.0.1:{port}/stats'],
  ['the page by its whole address', 200, {}, 'http://127.0.0.1:{port}'],
  ['a whole address of another kind', 404, { headers: BEARER }, 'https://127.0.0.1:{port}/stats'],
  ['a path that leads out', 404, { headers: BEARER }, '/../stats'],
];
for (const [who, status, { headers = {}, ...asking }, target = '/stats'] of ROWS) {
  test(`control at a port: ${who}: ${status}`, async () => {
    const place = await tcp();
    const fill = (text: string): string => text.replace('{port}', String(place.port));
    const filled = Object.entries(headers).map(([name, value]) => [name, fill(value)]);
    const answer = await ask(place, fill(target), { ...asking, headers: Object.fromEntries(filled) });
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.text.includes(TOKEN), false);
  });
}

const OF_FILES: readonly (readonly [who: string, status: number, headers: Record<string, string>])[] = [
  ['its user', 200, {}],
  ['a page behind a tunnel of its user', 200, { Host: 'localhost:8080', Origin: 'http://localhost:8080' }],
  ['a foreign Host behind a tunnel, as after DNS rebinding', 421, { Host: 'evil.example' }],
  ['a foreign page behind a tunnel', 403, { Host: 'localhost:8080', Origin: 'https://evil.example' }],
  ['a cross-site page behind a tunnel', 403, { Host: 'localhost:8080', 'Sec-Fetch-Site': 'cross-site' }],
];
for (const [who, status, headers] of OF_FILES) {
  test(`control at a file: ${who}: ${status}`, async () => {
    const place = await unix();
    assert.equal((await ask(place, '/stats', { headers })).status, status);
    assert.equal((await tell(place, '/restart?worker=99', { headers })).status, status === 200 ? 409 : status);
  });
}

test('control: cross-site POSTs change nothing', async () => {
  const place = await tcp();
  const { generation } = await ofPort().stats();
  for (const headers of [{ Origin: 'https://evil.example' }, { 'Sec-Fetch-Site': 'cross-site' }, { Origin: 'null' }]) {
    assert.equal((await tell(place, '/reload', { headers: { ...BEARER, ...headers } })).status, 403);
    assert.equal((await tell(place, '/stop', { headers: { ...BEARER, ...headers } })).status, 403);
  }
  assert.equal(await ofPort().call('state'), 'running');
  assert.equal((await ofPort().stats()).generation, generation);
});

const GETS = ['/', '/livez', '/readyz', '/stats', '/metrics', '/stacks', '/events', '/history'];
const POSTS = ['/reload', '/scale', '/stop', '/upgrade', '/restart'];
test('control: other methods are refused, with those that are right', async () => {
  const place = await unix();
  const refused = async (method: string, target: string): Promise<unknown[]> => {
    const { status, headers } = await ask(place, target, { method });
    return [method, target, status, headers.allow];
  };
  for (const target of GETS) {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'])
      assert.deepEqual(await refused(method, target), [method, target, 405, 'GET, HEAD']);
  }
  for (const target of POSTS) {
    for (const method of ['GET', 'HEAD', 'PUT', 'OPTIONS'])
      assert.deepEqual(await refused(method, target), [method, target, 405, 'POST']);
  }
});

test('control: a CONNECT is refused like other methods, and its connection ends', async (t) => {
  const { host, port } = await tcp();
  for (const [headers, status] of [
    [`Host: ${host}:${port}\r\nAuthorization: Bearer ${TOKEN}\r\n`, /^HTTP\/1.1 405 .*\r\nAllow: GET, HEAD, POST\r\n/s],
    [`Host: ${host}:${port}\r\n`, /^HTTP\/1.1 401 /],
    ['Host: evil.example\r\n', /^HTTP\/1.1 421 /],
  ] as const) {
    const socket = connect(port, host).setEncoding('utf8');
    t.after(() => socket.destroy());
    let text = '';
    socket.on('data', (more: string) => {
      text += more;
    });
    socket.write(`CONNECT evil.example:80 HTTP/1.1\r\n${headers}\r\n`);
    await inTime(once(socket, 'end'), 'the end');
    assert.match(text, status);
  }
});

test('control: a client of a CONNECT that does not close its end holds up no stop', async (t) => {
  const folder = temporaryFolder(t);
  const host = new Host(t, { control: `unix:${join(folder, 'control')}`, workers: 1 });
  await host.ready();
  const socket = connect({ path: join(folder, 'control'), allowHalfOpen: true }).resume();
  t.after(() => socket.destroy());
  socket.write('CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await inTime(once(socket, 'end'), 'the end');
  await host.call('stop', { graceful: false });
  assert.equal(socket.writable, true);
  await host.exited();
});

test('control: nothing is stored, guessed, framed or run', async () => {
  const place = await unix();
  for (const target of ['/', '/stats', '/nothing', '/readyz']) {
    const { headers } = await ask(place, target);
    assert.equal(headers['cache-control'], 'no-store', target);
    assert.equal(headers['x-content-type-options'], 'nosniff', target);
    assert.equal(headers['x-frame-options'], 'DENY', target);
    assert.equal(headers['referrer-policy'], 'no-referrer', target);
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin', target);
    assert.match(
      String(headers['content-security-policy']),
      /^default-src 'none'; frame-ancestors 'none'; base-uri 'none'/,
    );
    assert.equal(headers['access-control-allow-origin'], undefined, target);
  }
  const { headers } = await ask(place, '/');
  assert.doesNotMatch(String(headers['content-security-policy']), /unsafe|\*|https?:/);
});

/** A raw connection to the control that the tests of this file share. */
async function raw(t: TestContext): Promise<{ socket: Socket; received: () => string; closed: Promise<unknown> }> {
  await unix();
  const socket = connect(path);
  t.after(() => socket.destroy());
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  // Not `once` of node:events, which rejects with an error that comes first.
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return { socket, received: () => text, closed };
}

test('control: a body of a gigabyte is refused after its head', async (t) => {
  const { socket, received, closed } = await raw(t);
  socket.write(`POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${2 ** 30}\r\n\r\n`);
  let sent = 0;
  const chunk = Buffer.alloc(64 * 1024);
  const more = (): void => {
    while (sent < 2 ** 30 && socket.writable && socket.write(chunk)) sent += chunk.length;
  };
  socket.on('drain', more);
  more();
  await inTime(closed, 'the end of the connection');
  assert.match(received(), /^HTTP\/1\.1 413 /);
  assert.match(received(), /nothing here takes more than 4096 bytes/);
  assert.ok(sent < 16 * 2 ** 20, `${sent} bytes were taken`);
  assert.equal(ofFile().of('reload').length, 0);
});

test('control: a body without an end is refused after a few kilobytes', async (t) => {
  const { socket, received, closed } = await raw(t);
  socket.write('POST /reload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
  const piece = `1000\r\n${'x'.repeat(4096)}\r\n`;
  let sent = 0;
  const more = (): void => {
    while (sent < 2 ** 30 && socket.writable && socket.write(piece)) sent += piece.length;
  };
  socket.on('drain', more);
  more();
  await inTime(closed, 'the end of the connection');
  assert.match(received(), /^HTTP\/1\.1 413 /);
  assert.ok(sent < 16 * 2 ** 20, `${sent} bytes were taken`);
  assert.equal(ofFile().of('reload').length, 0);
});

test('control: who is not let in sends no body either', async (t) => {
  const { socket, received, closed } = await raw(t);
  socket.write(`POST /reload HTTP/1.1\r\nHost: evil.example\r\nContent-Length: ${2 ** 30}\r\n\r\n`);
  await inTime(closed, 'the end of the connection');
  assert.match(received(), /^HTTP\/1\.1 421 /);
  assert.match(received(), /^Connection: close\r$/m);
});

test('control: who asks before it sends a body is told', async () => {
  const place = await unix();
  const ofSize = async (size: number): Promise<string[]> => {
    const heard: string[] = [];
    const headers = { Host: 'localhost', Expect: '100-continue', 'Content-Length': String(size) };
    const outgoing = request({ ...place, path: '/restart?worker=99', method: 'POST', agent: false, headers });
    outgoing.on('error', () => undefined);
    outgoing.on('continue', () => {
      heard.push('continue');
      outgoing.end('x'.repeat(size));
    });
    outgoing.flushHeaders();
    const [response] = (await inTime(once(outgoing, 'response'), 'an answer')) as [IncomingMessage];
    heard.push(String(response.statusCode));
    response.resume();
    return heard;
  };
  assert.deepEqual(await ofSize(2), ['continue', '409']);
  assert.deepEqual(await ofSize(2 ** 30), ['413']);
});

test('control: headers that are too large', async (t) => {
  const { socket, received, closed } = await raw(t);
  socket.write(`GET /stats HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
  await inTime(closed, 'the end of the connection');
  assert.match(received(), /^HTTP\/1\.1 431 /);
});

test('control: pipelined requests are answered in their order', async (t) => {
  const { socket, received } = await raw(t);
  const head = ' HTTP/1.1\r\nHost: localhost\r\n';
  socket.write(
    [
      `GET /livez${head}\r\n`,
      `POST /restart?worker=99${head}Content-Length: 2\r\n\r\n{}`,
      `GET /readyz${head}\r\n`,
      `GET /nothing${head}\r\n`,
    ].join(''),
  );
  await eventually(() => received().includes('no such path'), received);
  assert.deepEqual(
    [...received().matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status),
    ['200', '409', '200', '404'],
  );
});

test('control: who never sends is cut, and others are served meanwhile', async (t) => {
  const silent = await Promise.all(Array.from({ length: 8 }, () => raw(t)));
  silent[0]?.socket.write('GET /stats HTTP/1.1\r\nHost: loc');
  const bodiless = await raw(t);
  bodiless.socket.write('POST /scale?to=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n');
  const began = performance.now();
  assert.equal((await ask(await unix(), '/livez')).status, 200);
  await inTime(Promise.all(silent.map(({ closed }) => closed)), 'the end of silent connections');
  assert.match(silent[0]?.received() ?? '', /^HTTP\/1\.1 408 /);
  // A body gets no more time than a head.
  const limit = (performance.now() - began) * 1.5;
  await inTime(bodiless.closed, 'the end of one whose body does not come');
  assert.match(bodiless.received(), /^HTTP\/1\.1 408 /);
  assert.ok(performance.now() - began < limit);
});

test('control: more connections than it holds are closed, and it goes on', async (t) => {
  await unix();
  let closed = 0;
  const sockets = Array.from({ length: 80 }, () => connect(path).on('error', () => undefined));
  for (const socket of sockets) socket.once('close', () => closed++);
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  await eventually(
    () => closed >= 16,
    () => `${closed} closed`,
  );
  // They were not closed for being silent: the connections that came first are held.
  assert.ok(sockets.slice(0, 32).every((socket) => !socket.closed));
  for (const socket of sockets) socket.destroy();
  await eventually(
    async () => (await ask({ socketPath: path }, '/livez').catch(() => undefined))?.status === 200,
    'an answer',
  );
});

const user = { skip: process.getuid?.() === 0 ? false : 'only root can become another user' };
test('control: another user of the machine cannot connect', user, async (t) => {
  const folder = temporaryFolder(t);
  const own = join(folder, 'control');
  const host = new Host(t, { control: `unix:${own}`, workers: 1 });
  await host.event('control');
  const program = `
    process.setgroups([]); process.setgid(65534); process.setuid(65534);
    require('net').connect(process.argv[1]).on('error', ({ code }) => console.log(code)).on('connect', () => process.exit(console.log('connected')))`;
  const outcome = async (target: string): Promise<string> => {
    const child = spawn(process.execPath, ['-e', program, target], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [text] = await once(child.stdout.setEncoding('utf8'), 'data');
    return text.trim();
  };
  // Open the folder, so that it is not the folder that keeps the user out.
  chmodSync(folder, 0o755);
  assert.equal(await outcome(own), 'EACCES');
  chmodSync(own, 0o666);
  assert.equal(await outcome(own), 'connected');
});

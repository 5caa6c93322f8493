/*
 * What clients send cannot forge a log line. Also: who the clients behind proxies are, and the ids of their requests.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { LogFile } from '../helpers/access-log.js';
import { amount } from '../helpers/amount.js';
import { ByteClient } from '../helpers/byte-client.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { freePort, temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const app = fixture('logged.js');
const FUZZED = amount({ suite: 300, long: 20_000 });

/** A pseudo-random sequence that is the same each time. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const SPICE = [
  '"',
  '\\',
  ' ',
  '\t',
  '\u0085',
  '\u00a0',
  '\u00e9',
  '\u2028',
  '\x1b[2J',
  '[',
  ']',
  '" 200 1 "-" "-',
  '\x7f',
  '%',
  "'",
];

test('access_log: bytes in any place of a head forge no line', async (t) => {
  for (const format of ['combined', 'json']) {
    const log = new LogFile(t);
    const host = new Host(t, { app, workers: 1, workerClass: 'async', accessLog: { path: log.path, format } });
    const url = await host.ready();
    const random = chance(14);
    const text = (length: number): string =>
      Array.from({ length }, () => {
        const pick = random();
        if (pick < 0.3) return SPICE[Math.floor(random() * SPICE.length)] as string;
        return String.fromCharCode(pick < 0.6 ? 32 + random() * 95 : random() * 256);
      }).join('');
    let answers = 0;
    for (let index = 0; index < FUZZED; index++) {
      // Node refuses most heads with control characters, so nine in ten requests are built without them.
      const isBad = random() < 0.1;
      const pure = (value: string): string => (isBad ? value : value.replace(/[\0-\x08\x0a-\x1f\x7f]/g, ''));
      const path = random() < 0.5 ? pure(text(20)).replace(/[^!-~]/g, '') : 'x'.repeat(random() * 6_000);
      const user = Buffer.from(text(12)).toString('base64');
      const head = [
        `${isBad ? text(4) : 'GET'} /${path} HTTP/1.1`,
        ...['Host: a', `User-Agent: ${pure(text(30))}`, `Referer: ${pure(text(10))}`],
        `Authorization: Basic ${user}`,
      ];
      const client = (await ByteClient.connect(url)).send(`${head.join('\r\n')}\r\nConnection: close\r\n\r\n`);
      answers += (await client.all()).startsWith('HTTP/1.1 ') ? 1 : 0;
    }
    await eventually(
      () => log.texts().length >= answers,
      () => `${answers} lines, and ${log.texts().length} have come`,
    );
    const lines = format === 'json' ? log.texts().map((line) => JSON.parse(line)) : log.lines();
    assert.equal(lines.length, answers, format);
    // 500: the application cannot parse the URL.
    const kinds = new Set(lines.map(({ client, status }) => `${client} ${status}`));
    assert.deepEqual([...kinds].sort(), ['127.0.0.1 200', '127.0.0.1 400', '127.0.0.1 500'], format);
    assert.ok(lines.filter(({ status }) => status === 200).length > FUZZED / 3, 'many are no heads');
    assert.ok(log.texts().every((line) => line.length < 4_096 && /^[\x20-\x7e]+$/.test(line)));
    await host.call('stop');
  }
});

const ADDRESSES = '203.0.113.7, 192.0.2.9';

test('trust_proxy: the client that a trusted proxy names is in the log, and the application sees what it saw', async (t) => {
  for (const [trustProxy, expected] of [
    [false, '127.0.0.1'],
    ['10.0.0.0/8', '127.0.0.1'],
    ['loopback', '192.0.2.9'],
    [['127.0.0.1', '192.0.2.0/24'], '203.0.113.7'],
    [true, '203.0.113.7'],
  ] as const) {
    const log = new LogFile(t);
    const host = new Host(t, { app, workers: 1, accessLog: log.path, trustProxy });
    const client = await ByteClient.connect(await host.ready());
    await client.send(`GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${ADDRESSES}\r\n\r\n`).all();
    await log.short(1);
    assert.equal(log.lines()[0]?.client, expected, String(trustProxy));
    await host.call('stop');
  }
});

test('trust_proxy: a Unix socket', async (t) => {
  const log = new LogFile(t);
  const folder = temporaryFolder(t);
  const bind = `unix:${join(folder, 'socket')}`;
  const format = '%(h)s %({x-forwarded-for}i)s';
  const host = new Host(t, { app, workers: 1, bind, accessLog: { path: log.path, format }, trustProxy: 'unix' });
  await host.event('ready');
  for (const more of ['', '-HX-Forwarded-For: 192.0.2.1'])
    spawnSync('curl', ['-s', '--unix-socket', join(folder, 'socket'), 'http://a/', ...(more ? [more] : [])]);
  await eventually(() => log.texts().length === 2, 'two lines');
  assert.deepEqual(log.texts(), ['unix: -', '192.0.2.1 192.0.2.1']);
});

const NGINX = 'nginx';
const noNginx = spawnSync(NGINX, ['-v']).error !== undefined && 'nginx is not installed';

test('trust_proxy: behind a real nginx, what a client says of itself counts for nothing', {
  skip: noNginx,
}, async (t) => {
  const log = new LogFile(t);
  const host = new Host(t, { app, workers: 1, accessLog: log.path, trustProxy: 'loopback' });
  const { host: to } = new URL(await host.ready());
  const [folder, port] = [temporaryFolder(t), await freePort(t)];
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  writeFileSync(
    join(folder, 'conf'),
    `daemon off; master_process off; pid ${folder}/pid; error_log stderr error; events {}
     http { access_log off; ${temporary.join(' ')}
       server { listen 127.0.0.1:${port}; set_real_ip_from 127.0.0.1; real_ip_header X-Test-Client;
         location / { proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_pass http://${to}; } } }`,
  );
  new Program(t, NGINX, ['-p', folder, '-e', 'stderr', '-c', join(folder, 'conf')]);
  const url = `http://127.0.0.1:${port}`;
  await eventually(
    () =>
      get(`${url}/up`).then(
        ({ status }) => status === 200,
        () => false,
      ),
    'nginx',
  );
  // nginx takes X-Test-Client for the address of its client, and appends that to the X-Forwarded-For that the client
  // has sent.
  const head =
    'GET /asked HTTP/1.1\r\nHost: a\r\nX-Test-Client: 198.51.100.4\r\nX-Forwarded-For: 1.1.1.1\r\nConnection: close\r\n\r\n';
  await (await ByteClient.connect(url)).send(head).all();
  await eventually(() => log.lines().some(({ request }) => request.includes('/asked')), 'its line');
  const [line] = log.lines().filter(({ request }) => request.includes('/asked'));
  assert.equal(line?.client, '198.51.100.4');
});

test('request_id: each request has one of its own, and one of a trusted proxy is kept', async (t) => {
  for (const [trustProxy, kept] of [
    [false, false],
    ['loopback', true],
  ] as const) {
    const log = new LogFile(t);
    const options = { workers: 1, accessLog: { path: log.path, format: 'json' }, trustProxy, requestId: true };
    const host = new Host(t, { app, ...options });
    const url = await host.ready();
    const seen: string[] = [];
    for (const more of [
      '',
      'X-Request-Id: from-the-proxy\r\n',
      'X-Request-ID: two\r\nx-request-id: three\r\n',
      'X-Request-Id: a b\r\n',
    ]) {
      const client = (await ByteClient.connect(url)).send(`GET /id HTTP/1.1\r\nHost: a\r\n${more}\r\n`);
      const { id, raw } = JSON.parse((await client.all()).split('\r\n\r\n')[1] as string);
      assert.ok(raw.includes(id), raw);
      seen.push(id);
    }
    await eventually(() => log.texts().length === 4, 'four lines');
    assert.deepEqual(
      log.texts().map((line) => JSON.parse(line).id),
      seen,
    );
    assert.equal(new Set(seen).size, 4);
    assert.equal(seen[1] === 'from-the-proxy', kept);
    assert.match(seen[0] as string, /^[\w-]{8}-1$/);
    const own = seen.filter((id) => id.slice(0, 8) === seen[0]?.slice(0, 8));
    assert.equal(own.length, kept ? 3 : 4, seen.join(' '));
    await host.call('stop');
  }
});

test('request_id: the reports of requests that hang, crash or kill name it', async (t) => {
  const host = new Host(t, { app, workers: 1, timeout: 500, requestId: 'X-Trace', trustProxy: 'loopback' });
  const url = await host.ready();
  const ask = async (path: string): Promise<void> => {
    const client = (await ByteClient.connect(url)).send(
      `GET ${path} HTTP/1.1\r\nHost: a\r\nX-Trace: id-of${path}\r\n\r\n`,
    );
    await client.all();
  };
  await ask('/spins');
  await ask('/never');
  await ask('/dies');
  await ask('/kills');
  await host.until(() => host.of('worker:exit').length === 4, 'four deaths');
  assert.deepEqual(
    host.of('worker:timeout').map(({ args: [, { request }] }) => [request.id, request.url]),
    [
      ['id-of/spins', '/spins'],
      // The URL as the application has changed it: the event loop of this worker still turns.
      ['id-of/never', '/changed'],
    ],
  );
  assert.deepEqual(
    host.of('worker:exit').map(({ args: [, { request }] }) => request.id),
    ['id-of/spins', 'id-of/never', 'id-of/dies', 'id-of/kills'],
  );
  assert.match(host.log, /"id":"id-of\/spins"/);
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { bootHang } from '../helpers/boot-hangs.js';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { passing } from '../helpers/passing.js';
import { temporaryFolder } from '../helpers/place.js';
import { FILE, sharing } from '../helpers/shared.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

/**
 * Milliseconds. Long enough to answer what does not hang (the wait for a CPU does not count), short enough for a test.
 */
const TIMEOUT = 300;

/** A pipe that nobody writes to. */
const FIFO = join(temporaryFolder(FILE), 'fifo');
execFileSync('mkfifo', [FIFO]);

const HANGS: HostOptions = { workers: 1, timeout: TIMEOUT, app: fixture('hangs.js') };

/** A host that tests share, one after the other: a worker that has replaced one that hung is as new as any. */
async function hanging(t: TestContext, options: HostOptions = {}): Promise<{ host: Host; url: string }> {
  const env = { FIFO, LONG: String(2 * TIMEOUT) };
  const host = await sharing(t, { ...HANGS, workerClass: 'sync', ...options }, { env });
  return { host, url: await host.ready() };
}

/** The one timeout of a host, compared with the exit that follows it. Also asserts that the replacement serves. */
// biome-ignore lint/suspicious/noExplicitAny: see HostEvent.
async function timedOut(host: Host, url: string): Promise<any> {
  const [worker, timeout] = await host.event('worker:timeout');
  const [dead, exit] = await host.event('worker:exit');
  assert.equal(dead.pid, worker.pid);
  assert.equal(exit.reason, 'timeout');
  if (timeout.request) {
    const { method, url: at, startedAt, id } = exit.request;
    const named = { method, url: at, startedAt, ...(id && { id }) };
    const { remoteAddress, ...request } = timeout.request;
    assert.deepEqual(named, request);
    assert.ok(Number.isInteger(startedAt), `${startedAt}`);
  }
  assert.ok(timeout.elapsed >= TIMEOUT, `${timeout.elapsed} ms`);
  assert.equal((await get(url)).body, 'well');
  assert.equal(host.of('worker:timeout').length, 1);
  const { timeouts, crashes } = (await host.stats()).totals;
  assert.deepEqual([timeouts, crashes], [1, 0]);
  return timeout;
}

const FOUND = [
  ['/spin', 'spinForEver'],
  ['/microtasks', 'queueMicrotasks'],
  ['/later', 'spinForEver'],
] as const;
const HARD_TO_FIND = [
  ['/regex', 'matchCatastrophically'],
  ['/atomics', 'waitForNobody'],
] as const;

test('an answer that has begun gets nothing of another one, whoever hangs behind it on its connection', async (t) => {
  const { host, url } = await hanging(t, { workerClass: 'async' });
  const client = (await RawClient.connect(t, url)).get('/begun');
  await client.until((text) => text.endsWith('x'.repeat(300)), 'the first 300 bytes');
  client.get('/spin');
  const text = await client.all();
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(text, /\r\n\r\nx{300}$/);
  await timedOut(host, url);
});

test('of requests that came together, the one that hangs is answered behind those before it', async (t) => {
  const { host, url } = await hanging(t, { workerClass: 'async' });
  const client = (await RawClient.connect(t, url)).get('/who').get('/spin').get('/who');
  assert.deepEqual((await client.all()).match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 504']);
  await timedOut(host, url);
});

for (const [workerClass, spoken] of [
  ['sync', 'plain'],
  ['sync', 'TLS'],
  ['threaded', 'plain'],
  ['threaded', 'TLS'],
] as const) {
  test(`whose request waits behind one that never comes to its end is told that it was not begun: ${workerClass}, ${spoken}`, {
    skip: spoken === 'TLS' && noCertificates,
  }, async (t) => {
    const tls = spoken === 'TLS' ? certificate() : undefined;
    // With this timeout, both requests have long been read when it ends.
    const options = {
      workerClass,
      timeout: 2_000,
      ...(workerClass === 'threaded' && { threads: 1 }),
      ...(tls && { tls }),
    };
    const { host, url } = await hanging(t, options);
    const client = (): Promise<RawClient> => (tls ? RawClient.secure(t, url, tls.cert) : RawClient.connect(t, url));
    const [behind, hung] = [await client(), await client()];
    // A busy worker would accept neither connection.
    await eventually(async () => (await host.stats()).workers[0]?.connections === 2, 'two connections');
    hung.get('/await');
    await eventually(async () => (await host.stats()).workers[0]?.active === 1, 'the request that never ends');
    behind.get('/well');
    assert.match(await hung.all(), /^HTTP\/1\.1 504 /);
    const text = await behind.all();
    assert.match(text, /^HTTP\/1\.1 503 Service Unavailable\r\n/);
    assert.match(text, /\r\nConnection: close\r\n/);
  });
}

for (const workerClass of ['sync', 'async'] as const) {
  for (const [scenario, ways] of [
    ['sync_loop_hung_has_stack_and_504', FOUND],
    ['regex_and_atomics_wait_hang', HARD_TO_FIND],
  ] as const) {
    for (const [path, name] of ways) {
      test(`${scenario}: ${workerClass}, ${path}`, async (t) => {
        const { host, url } = await hanging(t, { workerClass });
        const before = Date.now();
        const { status, headers, body } = await get(`${url}${path}`);
        assert.deepEqual([status, headers.connection, body], [504, 'close', 'Gateway Timeout\n']);
        const timeout = await timedOut(host, url);
        const { method, url: at, remoteAddress, startedAt } = timeout.request;
        assert.deepEqual([method, at, remoteAddress], ['GET', path, '127.0.0.1']);
        assert.ok(startedAt >= before - 1 && startedAt <= Date.now(), `${startedAt}`);
        assert.deepEqual([timeout.answered, timeout.hung], [true, 'javascript']);
        assert.equal(timeout.clock, workerClass === 'sync' && path !== '/later' ? 'request' : timeout.clock);
        assert.match(timeout.stack, /^ +at (?:[^\n]* )?.*hangs\.js:\d+:\d+\)?$/m);
        assert.match(timeout.stack, new RegExp(`at ${name} `));
        assert.doesNotMatch(timeout.stack, /node:/, 'what called the application is no news');
      });
    }
  }

  for (const path of ['/program', '/derive', '/read']) {
    test(`a hang in a native call, ${workerClass}, ${path}: 504, without a stack`, async (t) => {
      const { host, url } = await hanging(t, { workerClass });
      assert.equal((await get(`${url}${path}`)).status, 504);
      const timeout = await timedOut(host, url);
      assert.deepEqual([timeout.answered, timeout.hung, timeout.stack], [true, 'native', undefined]);
      assert.equal(timeout.request.url, path);
    });
  }

  // V8 looks for interrupts in JSON functions now and then, or not at all.
  for (const [path, name] of [
    ['/json', 'printHugeObject'],
    ['/json-loop', 'printForEver'],
  ] as const) {
    test(`JSON of huge objects, ${workerClass}, ${path}: 504, with a stack or without`, async (t) => {
      const { host, url } = await hanging(t, { workerClass });
      assert.equal((await get(`${url}${path}`)).status, 504);
      const timeout = await timedOut(host, url);
      if (timeout.hung === 'javascript') assert.match(timeout.stack, new RegExp(`at ${name} `));
      else assert.deepEqual([timeout.hung, timeout.stack], ['native', undefined]);
    });
  }

  test(`hung_after_head_sent_is_closed: ${workerClass}`, async (t) => {
    const { host, url } = await hanging(t, { workerClass });
    const client = (await RawClient.connect(t, url)).get('/head-then-spin');
    const received = await client.all();
    assert.match(received, /^HTTP\/1\.1 200 OK\r\n/);
    assert.equal(received.match(/HTTP\/1\.1/g)?.length, 1, received);
    assert.doesNotMatch(received, /0\r\n\r\n$/, 'the answer is not a whole one');
    const timeout = await timedOut(host, url);
    assert.deepEqual([timeout.answered, timeout.hung], [false, 'javascript']);
    assert.equal(timeout.request.remoteAddress, '127.0.0.1');
    assert.match(timeout.stack, /at spinForEver /);
  });

  test(`a client that sends a large body to a hanging worker gets its 504, ${workerClass}`, async (t) => {
    const { host, url } = await hanging(t, { workerClass });
    const answer = inTime(
      new Promise<number>((resolve, reject) => {
        const request = httpRequest(`${url}/later`, { method: 'POST', agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
        request.on('error', reject);
        // More than the buffers of both sides hold.
        request.write(Buffer.alloc(16 << 20));
      }),
      'an answer',
    );
    assert.equal(await answer, 504);
    assert.equal((await timedOut(host, url)).request.method, 'POST');
  });
}

for (const path of ['/await', '/poll', '/stream']) {
  test(`await_forever_504: ${path}`, async (t) => {
    const { host, url } = await hanging(t);
    const { status, headers, body } = await get(`${url}${path}`);
    assert.deepEqual([status, headers.connection, body], [504, 'close', 'Gateway Timeout\n']);
    const timeout = await timedOut(host, url);
    const { method, url: at, remoteAddress } = timeout.request;
    assert.deepEqual([method, at, remoteAddress], ['GET', path, '127.0.0.1']);
    assert.deepEqual([timeout.clock, timeout.answered, timeout.hung], ['request', true, 'waiting']);
    assert.ok(Array.isArray(timeout.pending) && !timeout.pending.includes('TCPSocketWrap'), `${timeout.pending}`);
    assert.equal(timeout.stack, undefined);
  });
}

for (const workerClass of ['sync', 'threaded'] as const) {
  test(`await_forever_504: clients that wait, and the output, are no part of what is waited for: ${workerClass}`, async (t) => {
    const { host, url } = await hanging(t, { workerClass, ...(workerClass === 'threaded' && { threads: 1 }) });
    for (let count = 0; count < 3; count++) await RawClient.connect(t, url);
    await eventually(async () => (await host.stats()).workers[0]?.connections === 3, 'three connections');
    assert.equal((await get(`${url}/log-then-await`)).status, 504);
    const [, { hung, pending }] = await host.event('worker:timeout');
    assert.deepEqual([hung, pending], ['waiting', []]);
  });
}

test('await_forever_504: after the head, the connection breaks', async (t) => {
  const { host, url } = await hanging(t);
  const received = await (await RawClient.connect(t, url)).get('/head-then-await').all();
  assert.match(received, /^HTTP\/1\.1 200 OK\r\n[\s\S]*begun/);
  assert.doesNotMatch(received, /0\r\n\r\n$/);
  assert.equal((await timedOut(host, url)).answered, false);
});

test('await_forever_504: without a watchdog', async (t) => {
  const { host, url } = await hanging(t, { watchdog: false });
  assert.equal((await get(`${url}/await`)).status, 504);
  assert.equal((await timedOut(host, url)).hung, 'waiting');
});

test('a request of an async worker may wait for ever, as long as the event loop turns', async (t) => {
  const host = new Host(t, { ...HANGS, workerClass: 'async' });
  const url = await host.ready();
  const waiting = (await RawClient.connect(t, url)).get('/await');
  const long = (await RawClient.connect(t, url)).get('/poll');
  for (let part = 0; part < 4; part++) {
    await passing(host, TIMEOUT / 2);
    assert.equal((await get(url)).body, 'well');
  }
  assert.deepEqual([waiting.received, long.received], ['', '']);
  assert.deepEqual(host.of('worker:timeout'), []);
  assert.deepEqual(host.of('worker:exit'), []);
});

test('every client of an async worker that hangs gets 504, those with a head do not', async (t) => {
  const { host, url } = await hanging(t, { workerClass: 'async' });
  const waiting = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(t, url)));
  const begun = (await RawClient.connect(t, url)).get('/head-then-await');
  await begun.until((received) => received.includes('begun'), 'the begin of an answer');
  const kept = (await RawClient.connect(t, url)).get('/');
  await kept.until((received) => received.includes('well'), 'an answer');
  for (const client of waiting) client.get('/await');
  await host.until(() => true, 'a turn');
  while (((await host.stats()).workers[0]?.active ?? 0) < 21);
  assert.equal((await get(`${url}/later`)).status, 504);
  for (const client of waiting) assert.match(await client.all(), /^HTTP\/1\.1 504 Gateway Timeout\r\n/);
  assert.doesNotMatch(await begun.all(), /504/);
  assert.doesNotMatch(await kept.all(), /504/);
  const timeout = await timedOut(host, url);
  assert.deepEqual([timeout.clock, timeout.answered, timeout.request.url], ['loop', true, '/later']);
});

test('a hang over a Unix socket: 504, and no address', async (t) => {
  const path = join(temporaryFolder(t), 's');
  const host = new Host(t, { ...HANGS, bind: `unix:${path}` });
  await host.event('ready');
  const status = await inTime(
    new Promise((resolve, reject) => {
      httpRequest({ socketPath: path, path: '/later' }, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    }),
    'an answer',
  );
  assert.equal(status, 504);
  const [, timeout] = await host.event('worker:timeout');
  assert.deepEqual([timeout.answered, timeout.request.remoteAddress], [true, undefined]);
});

test('a hang over TLS: the connection is closed', { skip: noCertificates }, async (t) => {
  const { key, cert } = certificate();
  const { host, url } = await hanging(t, { tls: { key, cert } });
  const client = (await RawClient.secure(t, url, cert)).get('/later');
  assert.equal(await client.all(), '');
  const [, timeout] = await host.event('worker:timeout');
  assert.deepEqual([timeout.answered, timeout.hung], [false, 'javascript']);
  assert.equal(timeout.request.remoteAddress, '127.0.0.1');
  assert.match(timeout.stack, /at spinForEver /);
  // A worker whose event loop turns answers by itself, and knows how to encrypt.
  assert.equal((await get(`${url}/await`, cert)).status, 504);
});

test('timeout 0: nothing is ended', async (t) => {
  const { host, url } = await hanging(t, { timeout: 0 });
  const waiting = (await RawClient.connect(t, url)).get('/await');
  await eventually(async () => (await host.stats()).workers[0]?.active === 1, 'a request in flight');
  await passing(host, 3 * TIMEOUT);
  assert.equal((await host.stats()).workers[0]?.active, 1);
  assert.deepEqual([host.of('worker:timeout'), host.of('worker:exit')], [[], []]);
  waiting.leave();
});

for (const workerClass of ['sync', 'async'] as const) {
  for (const path of ['/extended', '/extended-await']) {
    test(`extend_timeout: ${workerClass}, ${path}`, async (t) => {
      const { host, url } = await hanging(t, { workerClass });
      assert.equal((await get(`${url}${path}`)).body, 'extended');
      assert.deepEqual(host.of('worker:timeout'), []);
      // The extension does not hold for the next request.
      if (workerClass === 'async') return;
      assert.equal((await get(`${url}/await`)).status, 504);
      await timedOut(host, url);
    });
  }
}

test('extend_timeout: what is told of a loop that stands still is what has passed, the extension too', async (t) => {
  const { host, url } = await hanging(t, { workerClass: 'async' });
  assert.equal((await get(`${url}/extended-then-spin`)).status, 504);
  const { clock, elapsed } = await timedOut(host, url);
  assert.equal(clock, 'loop');
  assert.ok(elapsed > 2.5 * TIMEOUT, `${elapsed} ms`);
});

test('extend_timeout: only by what was asked for, and by nothing that is no number', async (t) => {
  const { host, url } = await hanging(t);
  assert.equal((await get(`${url}/extended-by-nonsense`)).status, 500);
  const said = /RangeError: extendTimeout: expected milliseconds of at least 0, got NaN/;
  // The answer may be here before the log line, which comes by another way.
  await host.until(() => said.test(host.log), 'the error in the log');
  assert.equal((await get(`${url}/extended-too-little`)).status, 504);
  await host.event('worker:timeout');
});

const inHook = (hook: string) => ({ workers: 1, workerClass: `${fixture('hangs-in-its-hooks.js')}#${hook}` });

test('boot_hangs: the stack names the function', async (t) => {
  const at = /at spinInHook .*hangs-in-its-hooks\.js/;
  const { report } = await bootHang(t, inHook('InitSpins'), ({ stack }) => at.test(stack ?? ''));
  assert.equal(report.hung, 'javascript');
  assert.match(report.stack ?? '', at);
});

test('boot_hangs: a step that waits', async (t) => {
  const { report } = await bootHang(t, inHook('InitPolls'), ({ pending }) => pending?.includes('Timeout') === true);
  assert.deepEqual([report.hung, report.pending], ['waiting', ['Timeout']]);
});

for (const name of ['AbortSpins', 'AbortWaits', 'AbortThrows']) {
  test(`abort_hook_that_hangs_still_killed: ${name}`, async (t) => {
    const { host, url } = await hanging(t, { workerClass: `${fixture('hangs-in-its-hooks.js')}#${name}` });
    assert.equal((await get(`${url}/await`)).status, 504);
    const timeout = await timedOut(host, url);
    assert.deepEqual([timeout.answered, timeout.hung], [true, 'waiting']);
    await host.event('worker:message', (_worker, message) => message === 'abort');
    const [, error] = host.of('worker:error')[0]?.args ?? [];
    if (name === 'AbortThrows') assert.equal(error.message, 'the abort step failed');
    else assert.equal(error, undefined);
  });
}

test('a stop hook that spins is found, and ended, at the timeout', async (t) => {
  const host = new Host(t, { ...HANGS, workerClass: `${fixture('hangs-in-its-hooks.js')}#StopSpins` });
  await host.ready();
  const stopped = host.call('stop');
  const [, timeout] = await host.event('worker:timeout');
  assert.deepEqual([timeout.clock, timeout.answered, timeout.request], ['loop', false, undefined]);
  assert.match(timeout.stack, /at spinInHook /);
  const [, exit] = await host.event('worker:exit');
  assert.equal(exit.reason, 'timeout');
  await stopped;
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
});

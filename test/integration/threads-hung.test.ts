import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { amount } from '../helpers/amount.js';
import { bootHang } from '../helpers/boot-hangs.js';
import { fixture, Host, type HostOptions, type HostSettings } from '../helpers/host.js';
import { get, headLines, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { temporaryFolder } from '../helpers/place.js';
import { childrenOf, kill } from '../helpers/process.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const OPTIONS = { workers: 1, workerClass: 'threaded', threads: 2, timeout: 500, app: fixture('hangs.js') };

interface Served {
  readonly host: Host;
  readonly url: string;
  readonly pid: number;
}

async function serve(t: TestContext, options: HostOptions = {}, settings: HostSettings = {}): Promise<Served> {
  const host = new Host(t, { ...OPTIONS, ...options }, settings);
  const url = await host.ready();
  const [pid] = host.workerPids as [number];
  return { host, url, pid };
}

/** Asks again and again, each time for an answer of 200, until that thread has answered. */
async function answeredBy({ url, pid }: Served, thread: number): Promise<void> {
  await eventually(async () => {
    const { status, body } = await get(`${url}/who`);
    assert.equal(status, 200);
    const [process, number] = body.split(' ').map(Number);
    assert.equal(process, pid);
    return number === thread;
  }, `an answer of thread ${thread}`);
}

/** One thread, and nothing else, has been replaced. */
async function oneReplaced(served: Served, thread: number): Promise<void> {
  const { host } = served;
  await host.event('thread:exit');
  await answeredBy(served, thread);
  assert.equal(host.of('thread:exit').length, 1);
  assert.equal(host.of('worker:timeout').length, 1);
  assert.deepEqual([host.of('worker:exit').length, host.of('worker:spawn').length], [0, 1]);
  assert.equal(host.of('worker:error').length, 0);
  assert.equal((await host.stats()).totals.timeouts, 1);
}

const GATEWAY_TIMEOUT = [
  'HTTP/1.1 504 Gateway Timeout',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Length: 16',
  'Connection: close',
];

test('thread_hung_replaced_siblings_serve', async (t) => {
  const served = await serve(t, { threads: 3 });
  const { host, url, pid } = served;
  const before = Date.now();
  const client = (await RawClient.connect(t, url)).get('/spin/by-test');
  const seen = new Set<string>();
  // No event tells when the thread begins to hang. The later ones of these requests meet it hanging, unless all are
  // served before its time is up.
  for (let count = 0; count < 100 && host.of('worker:timeout').length === 0; count++) {
    const { status, body } = await get(`${url}/who`);
    assert.equal(status, 200);
    seen.add(body);
  }
  const text = await client.all();
  assert.deepEqual(headLines(text), GATEWAY_TIMEOUT);
  assert.ok(text.endsWith('\r\n\r\nGateway Timeout\n'));

  const [worker, { elapsed, stack, request, ...report }] = await host.event('worker:timeout');
  assert.equal(worker.pid, pid);
  const { thread } = report;
  // The loop stands still a moment longer than the request runs. Which of the two is over time first is a matter of
  // chance.
  assert.deepEqual(report, { clock: report.clock, answered: true, hung: 'javascript', thread });
  assert.ok(['request', 'loop'].includes(report.clock) && elapsed >= OPTIONS.timeout, `${report.clock}: ${elapsed} ms`);
  assert.match(stack, /^ {4}at spinForEver \(.*hangs\.js:\d+:\d+\)\n {4}at hangs \(.*hangs\.js:\d+:\d+\)$/);
  assert.deepEqual([request.method, request.url, request.remoteAddress], ['GET', '/spin/by-test', '127.0.0.1']);
  assert.ok(before <= request.startedAt && request.startedAt <= Date.now());
  assert.ok(!seen.has(`${pid} ${thread}`), 'a thread answered while it hung');
  assert.ok(seen.size > 0);

  await oneReplaced(served, thread);
  const [, { request: last, ...exit }] = await host.event('thread:exit');
  assert.deepEqual([exit, last.url], [{ thread, code: 1, reason: 'timeout' }, '/spin/by-test']);
});

for (const [kind, hung, named] of [
  ['spin', 'javascript', 'spinForEver'],
  ['regex', 'javascript', 'matchCatastrophically'],
  ['atomics', 'javascript', 'waitForNobody'],
  ['await', 'waiting', undefined],
  ['program', 'native', undefined],
] as const) {
  test(`a thread that hangs, ${kind}: 504 and a report`, async (t) => {
    const served = await serve(t);
    const client = (await RawClient.connect(t, served.url)).get(`/${kind}`);
    // A thread that native code blocks keeps its connection open. The client knows the length of the answer, and so
    // that it is complete.
    await client.until((text) => text.endsWith('\r\n\r\nGateway Timeout\n'), 'the whole answer');
    assert.deepEqual(headLines(client.received), GATEWAY_TIMEOUT);
    const [, report] = await served.host.event('worker:timeout');
    for (const child of childrenOf(served.pid)) t.after(() => kill(child.pid));
    assert.deepEqual([report.hung, report.answered, report.request.url], [hung, true, `/${kind}`]);
    assert.equal(named === undefined ? report.stack : /^ {4}at (\w+) /.exec(report.stack)?.[1], named);
    await oneReplaced(served, report.thread);
    if (hung !== 'native') assert.equal(await client.all(), client.received);
  });
}

test('hung_after_head_sent_is_closed: by a thread', async (t) => {
  const served = await serve(t);
  const client = (await RawClient.connect(t, served.url)).get('/head-then-spin');
  const text = await client.all();
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200']);
  assert.match(text, /begun\r\n$/, 'the answer looks complete');
  const [, report] = await served.host.event('worker:timeout');
  assert.deepEqual([report.hung, report.answered], ['javascript', false]);
  assert.equal(report.request.remoteAddress, '127.0.0.1');
  await oneReplaced(served, report.thread);
});

test('threads that hang one after the other: the process goes on', async (t) => {
  const { host, url, pid } = await serve(t, { timeout: 100 });
  const count = amount({ suite: 20, long: 300 });
  for (let ended = 1; ended <= count; ended++) {
    await (await RawClient.connect(t, url)).get('/head-then-spin').all();
    await host.until(
      () => host.of('thread:exit').length + host.of('worker:exit').length >= ended,
      'the end of a thread',
    );
  }
  assert.deepEqual([host.of('worker:exit'), host.workerPids], [[], [pid]]);
});

test('a thread that hangs: all that is pipelined to it is answered or closed, in the right order', async (t) => {
  const served = await serve(t);
  const client = (await RawClient.connect(t, served.url)).get('/who').get('/spin').get('/who');
  const text = await client.all();
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 504']);
  const [, report] = await served.host.event('worker:timeout');
  assert.equal(report.request.url, '/spin');
  await oneReplaced(served, report.thread);
});

test('a thread that hangs in the midst of an answer: nothing of another one goes into that, whoever waits behind it', async (t) => {
  const served = await serve(t);
  const client = (await RawClient.connect(t, served.url)).get('/begun-then-spin').get('/who');
  const text = await client.all();
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200']);
  assert.match(text, /\r\n\r\nx{300}$/);
  const [, report] = await served.host.event('worker:timeout');
  await oneReplaced(served, report.thread);
});

test('a thread whose stop hook spins is ended, and says where it was', async (t) => {
  const served = await serve(t, { workerClass: fixture('spinning-hooks.js'), env: { HOOK: 'stop' } });
  const { host } = served;
  await host.call('stop');
  const reports = host.of('worker:timeout').map(({ args: [, report] }) => report);
  assert.deepEqual(reports.map(({ clock, hung, thread }) => [clock, hung, thread]).toSorted(), [
    ['loop', 'javascript', 1],
    ['loop', 'javascript', 2],
  ]);
  for (const { stack } of reports) assert.match(stack, /^ {4}at hookSpinner .*\n {4}at stop /);
  const [, exit] = await host.event('worker:exit');
  assert.deepEqual(exit, { code: 0, signal: null, reason: 'stop' });
  assert.equal(host.of('thread:exit').length, 0);
});

test('a thread whose abort hook spins has told of its request, and is ended', async (t) => {
  const served = await serve(t, { workerClass: fixture('spinning-hooks.js'), env: { HOOK: 'abort' } });
  const client = (await RawClient.connect(t, served.url)).get('/await');
  assert.equal(headLines(await client.all())[0], GATEWAY_TIMEOUT[0]);
  const [, { clock, hung, thread, answered, pending }] = await served.host.event('worker:timeout');
  assert.deepEqual(
    { clock, hung, answered, pending },
    { clock: 'request', hung: 'waiting', answered: true, pending: [] },
  );
  await oneReplaced(served, thread);
  const [, exit] = await served.host.event('thread:exit');
  assert.deepEqual([exit.thread, exit.reason], [thread, 'timeout']);
});

test('a thread that hangs while it boots fails the start', async (t) => {
  const at = /^ {4}at spinForEver .*\n {4}at load /;
  const { report } = await bootHang(t, { ...OPTIONS, env: { SPIN_THREAD: '2' } }, ({ stack }) => at.test(stack ?? ''));
  assert.deepEqual([report.hung, report.thread], ['javascript', 2]);
  assert.match(report.stack ?? '', at);
});

test('a replacement that hangs while it boots is replaced, and its siblings serve', async (t) => {
  const SPIN = join(temporaryFolder(t), 'spin');
  const served = await serve(t, { bootTimeout: 5_000, env: { SPIN } });
  const { host, url } = served;
  writeFileSync(SPIN, '');
  await get(`${url}/exit`);
  const [, { thread }] = await host.event('thread:exit');
  const [, { stack, elapsed, ...report }] = await host.event('worker:timeout');
  assert.deepEqual(report, { clock: 'boot', answered: false, hung: 'javascript', thread });
  assert.match(stack, /^ {4}at spinForEver .*\n {4}at load /);
  await answeredBy(served, 3 - thread);
  rmSync(SPIN);
  await answeredBy(served, thread);
  assert.deepEqual([host.of('worker:exit').length, host.of('thread:exit').length], [0, 1]);
  assert.equal(host.of('worker:error').length, 0);
});

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { passing } from '../helpers/passing.js';
import { temporaryFolder } from '../helpers/place.js';
import { shared } from '../helpers/shared.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/** Milliseconds. Short, since a slow request here stays slow until the test lets it go. */
const SLOW = 150;

interface Served {
  readonly host: Host;
  readonly gates: string;
}

const gatesOf = new WeakMap<Host, string>();

function slowHost(t: test.TestContext, options: HostOptions = {}): Host {
  const gates = temporaryFolder(t);
  const all = { workers: 1, slowAfter: SLOW, app: fixture('slow-ways.js'), ...options };
  const host = new Host(t, all, { env: { GATES: gates } });
  gatesOf.set(host, gates);
  return host;
}

let count = 0;

/** Sends a request that stays slow until it is reported; returns its only report and its whole answer. */
// biome-ignore lint/suspicious/noExplicitAny: see HostEvent.
async function reported({ host, gates }: Served, way: string): Promise<{ worker: any; report: any; body: string }> {
  const url = await host.ready();
  const name = `${++count}`;
  const path = `/${way}/${name}`;
  const answer = get(`${url}${path}`);
  const [worker, report] = await host.event('worker:slow', (_, { request }) => request?.url === path);
  writeFileSync(join(gates, name), '');
  const { status, body } = await answer;
  assert.equal(status, 200);
  assert.ok(body.startsWith(path), body);
  // This request leaves time for a second report of the slow one.
  await get(`${url}/quick`);
  assert.equal(host.of('worker:slow').filter(({ args }) => args[1].request?.url === path).length, 1);
  assert.deepEqual([report.request.method, report.request.remoteAddress], ['GET', '127.0.0.1']);
  assert.ok(report.age >= SLOW, `${report.age} ms`);
  assert.ok(Math.abs(report.request.startedAt + report.age - Date.now()) < 60_000);
  return { worker, report, body };
}

const NAMES = { loop: 'loopForLong', regex: 'matchForLong', json: 'parseForLong', atomics: 'waitForNobody' } as const;

for (const workerClass of ['sync', 'threaded', 'async'] as const) {
  const start = shared((t) => slowHost(t, { workerClass, ...(workerClass === 'threaded' && { threads: 2 }) }));
  const served = (): Served => {
    const host = start();
    return { host, gates: gatesOf.get(host) ?? '' };
  };

  for (const [way, name] of Object.entries(NAMES)) {
    test(`slow_request_names_its_function: ${workerClass}, ${way}`, async () => {
      const { worker, report } = await reported(served(), way);
      assert.equal(worker.pid, served().host.workerPids[0]);
      assert.equal(report.doing, 'javascript');
      assert.match(report.stack, new RegExp(`^ {4}at (?:open |.*\\n)*.*${name} `));
      assert.doesNotMatch(report.stack, /node:internal\/timers/);
      assert.ok(report.paused > 0 && report.pauses.count > 0 && report.pauses.total >= report.paused);
      assert.equal(report.thread, workerClass === 'threaded' ? report.thread : undefined);
      if (workerClass === 'threaded') assert.ok([1, 2].includes(report.thread));
    });
  }

  test(`slow_native_call_is_not_stopped_later: ${workerClass}`, async () => {
    const first = await reported(served(), 'program');
    assert.deepEqual([first.report.doing, first.report.stack], ['native', undefined]);
    if (process.platform === 'linux') assert.match(first.report.kernel.state, /^[A-Za-z]$/);
    assert.equal(first.report.paused, undefined);
  });

  test(`slow_native_call: ${workerClass}, pbkdf2Sync`, async () => {
    const { host } = served();
    // On a busy machine the watcher may look too late, so the test tries until there is a report.
    await eventually(async () => {
      await get(`${await host.ready()}/derive/${++count}`);
      return host
        .of('worker:slow')
        .some(({ args }) => args[1].doing === 'native' && /derive/.test(args[1].request?.url));
    }, 'a report of a native call');
  });

  test(`slow_native_call: ${workerClass}, each is told of, though it is over before anything was to be seen of it`, async () => {
    const { host } = served();
    const url = await host.ready();
    const reports = (path: string) =>
      host.of('worker:slow').filter(({ args: [, { request }] }) => request?.url === path);
    let untold = 0;
    for (let told = 0; told < 8; ) {
      const path = `/nap/${++count}`;
      assert.equal((await get(`${url}${path}`)).body, path);
      const look = eventually(() => reports(path).length > 0, 'a report', 5_000);
      const isTold = await look.then(() => true).catch(() => false);
      if (!isTold) {
        // With little CPU, such a request is over before the watchdog gets to look.
        assert.ok(++untold < 8, `${untold} are not told of, ${told} are`);
        continue;
      }
      told++;
      const [, report] = reports(path)[0]?.args ?? [];
      assert.ok(report.age >= SLOW && report.doing !== 'waiting', JSON.stringify(report));
      assert.equal(report.request.remoteAddress, '127.0.0.1');
      assert.equal(reports(path).length, 1);
    }
  });

  test(`slow_await_says_what_it_waits_for: ${workerClass}`, async () => {
    const { report } = await reported(served(), 'await');
    assert.deepEqual([report.doing, report.stack, report.paused], ['waiting', undefined, undefined]);
    assert.deepEqual(report.pending, ['Timeout']);
  });

  test(`slow_await_says_what_it_waits_for, from the first request on, and of requests without a pause: ${workerClass}`, async (t) => {
    const host = slowHost(t, { workerClass, ...(workerClass === 'threaded' && { threads: 1 }) });
    for (let round = 0; round < 3; round++) {
      const { report } = await reported({ host, gates: gatesOf.get(host) ?? '' }, 'await');
      assert.deepEqual([round, report.pending], [round, ['Timeout']]);
    }
  });

  test(`a worker that was stopped is not taken for one at work in Node: ${workerClass}`, async () => {
    const { host, gates } = served();
    const url = await host.ready();
    const [pid = 0] = host.workerPids;
    for (let round = 0; round < 8; round++) {
      const name = `${++count}`;
      const answer = get(`${url}/await/${name}`);
      await eventually(async () => (await host.stats()).workers[0]?.active === 1, 'the request');
      process.kill(pid, 'SIGSTOP');
      const asked = host.call('stacks');
      // Long enough that the watcher answers in place of the stopped worker. Nothing may happen meanwhile.
      await passing(host, 2 * SLOW);
      process.kill(pid, 'SIGCONT');
      // biome-ignore lint/suspicious/noExplicitAny: of a host.
      for (const { stack = 'slow-ways' } of (await asked) as any[]) assert.match(stack, /slow-ways/);
      writeFileSync(join(gates, name), '');
      assert.equal((await answer).status, 200);
    }
    for (const { args } of host.of('worker:slow')) assert.match(args[1].stack ?? 'slow-ways', /slow-ways/);
  });

  test(`slow_request_does_not_disturb_a_debugger: ${workerClass}`, { skip: workerClass === 'threaded' }, async () => {
    const { host } = served();
    // On a busy machine the watchdog may look too late to see the stack, so it is tried more often.
    await eventually(async () => {
      // Its gate is that of the next request.
      await get(`${await host.ready()}/attach/${count + 1}`);
      const { body, report } = await reported(served(), 'breakpoint');
      assert.match(body, / by its developer$/);
      return /stopAtBreakpoint/.test(report.stack ?? '');
    }, 'a report with the stack of the breakpoint');
  });

  test(`stacks_of_what_is_slow: ${workerClass}`, async () => {
    const { host, gates } = served();
    const url = await host.ready();
    const [loop, waits] = [`${++count}`, `${++count}`];
    const answer = get(`${url}/loop/${loop}`);
    const path = `/loop/${loop}`;
    await host.event('worker:slow', (_, { request }) => request?.url === path);
    // biome-ignore lint/suspicious/noExplicitAny: of a host.
    const stacks = (await host.call('stacks')) as any[];
    assert.equal(stacks.length, workerClass === 'threaded' ? 2 : 1);
    const found = stacks.find(({ request }) => request?.url === path);
    assert.deepEqual([found.id, found.pid, found.state, found.doing], [1, host.workerPids[0], 'ready', 'javascript']);
    assert.match(found.stack, /loopForLong/);
    assert.ok(found.active > 0);
    writeFileSync(join(gates, loop), '');
    assert.equal((await answer).body, path);
    const waiting = get(`${url}/await/${waits}`);
    await host.event('worker:slow', (_, { request }) => request?.url === `/await/${waits}`);
    // biome-ignore lint/suspicious/noExplicitAny: of a host.
    const later = (await host.call('stacks')) as any[];
    const one = later.find(({ request }) => request?.url === `/await/${waits}`);
    assert.deepEqual([one.doing, one.pending], ['waiting', ['Timeout']]);
    writeFileSync(join(gates, waits), '');
    assert.equal((await waiting).status, 200);
  });
}

for (const workerClass of ['sync', 'threaded', 'async'] as const) {
  test(`slow_stacks_leave_nothing_behind: ${workerClass}`, async (t) => {
    const app = fixture('slow-scope.js');
    const all = { workerClass, app, slowAfter: 20, execArgv: ['--expose-gc'], workers: 1 };
    const host = new Host(t, { ...all, ...(workerClass === 'threaded' && { threads: 1 }) });
    const url = await host.ready();
    const heap = async (): Promise<number> => Number((await get(`${url}/heap`)).body);
    const stacks = (): number => host.of('worker:slow').filter(({ args }) => args[1].stack).length;
    let size = 0;
    const look = async (): Promise<void> => {
      const before = stacks();
      await eventually(async () => {
        size = Number((await get(`${url}/`)).body);
        return stacks() > before;
      }, 'a stack');
    };
    await look();
    const [before, seen] = [await heap(), stacks()];
    for (let count = 0; count < 10; count++) await look();
    const [grown, looks] = [(await heap()) - before, stacks() - seen];
    assert.ok(
      grown < (looks * size) / 4,
      `${looks} stacks, each with ${size} bytes in its scope, left ${grown} behind`,
    );
  });
}

/** See `slow-record.ts`. */
const LIMIT = 300;

test('slow_reports_are_limited: so many a minute of a worker', async (t) => {
  const host = slowHost(t, { workerClass: 'async' });
  const url = await host.ready();
  const answers = Array.from({ length: LIMIT + 20 }, (_, index) => get(`${url}/await/all/${index}`));
  await host.until(() => host.of('worker:slow').length >= LIMIT, 'all reports that there may be');
  writeFileSync(join(gatesOf.get(host) ?? '', 'all'), '');
  for (const { status } of await Promise.all(answers)) assert.equal(status, 200);
  const urls = host.of('worker:slow').map(({ args }) => args[1].request.url);
  assert.deepEqual([urls.length, new Set(urls).size], [LIMIT, LIMIT]);
});

for (const workerClass of ['sync', 'threaded', 'async'] as const) {
  test(`slow_report_has_the_id_of_its_request: ${workerClass}`, async (t) => {
    const host = slowHost(t, { workerClass, trustProxy: 'loopback', requestId: true });
    const gates = gatesOf.get(host) ?? '';
    const url = await host.ready();
    for (const way of ['loop', 'await']) {
      const id = `${workerClass}-${way}`;
      const client = await RawClient.connect(t, url);
      client.send(`GET /${way}/${id} HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${id}\r\n\r\n`);
      const [, report] = await host.event('worker:slow', (_, { request }) => request?.url === `/${way}/${id}`);
      writeFileSync(join(gates, id), '');
      await client.until((received) => received.startsWith('HTTP/1.1 200'), 'its answer');
      assert.equal(report.request.id, id);
    }
  });
}

test('slow_off_tells_nothing, and stacks are there all the same', async (t) => {
  const host = slowHost(t, { slowAfter: 0 });
  const url = await host.ready();
  const answer = get(`${url}/loop/off`);
  await eventually(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: of a host.
    const [stack] = (await host.call('stacks')) as any[];
    return /loopForLong/.test(stack.stack);
  }, 'the stack of the loop');
  writeFileSync(join(gatesOf.get(host) ?? '', 'off'), '');
  assert.equal((await answer).status, 200);
  assert.deepEqual(host.of('worker:slow'), []);
});

test('overdue_says_what_it_was_doing: a drain that is not over in time', async (t) => {
  const host = slowHost(t, { gracefulTimeout: 2_000, slowAfter: SLOW });
  const url = await host.ready();
  const answer = get(`${url}/loop/never`).catch(() => undefined);
  await host.event('worker:slow');
  host.kill('SIGTERM');
  const [, exit] = await host.event('worker:exit');
  await answer;
  assert.equal(exit.overdue, true);
  assert.equal(exit.stacks.length, 1);
  assert.equal(exit.stacks[0].doing, 'javascript');
  assert.match(exit.stacks[0].stack, /loopForLong/);
  assert.match(host.log, /when gracefulTimeout was over\) while serving GET .*; before, running JavaScript/);
});

test('stacks_of_one_that_boots, and of one that does not answer', async (t) => {
  const gates = temporaryFolder(t);
  writeFileSync(join(gates, 'spin'), '');
  const host = new Host(t, { workers: 1, app: fixture('hangs.js') }, { env: { SPIN: join(gates, 'spin') } });
  await host.event('worker:spawn');
  await eventually(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: of a host.
    const [stack] = (await host.call('stacks')) as any[];
    return stack?.state === 'booting' && /spinForEver/.test(stack.stack);
  }, 'the stack of the boot');
  process.kill(host.workerPids[0] as number, 'SIGSTOP');
  // biome-ignore lint/suspicious/noExplicitAny: of a host.
  const [silent] = (await host.call('stacks')) as any[];
  assert.deepEqual([silent.pid, silent.doing], [host.workerPids[0], undefined]);
  if (process.platform === 'linux') assert.equal(silent.kernel.state, 'T');
  process.kill(host.workerPids[0] as number, 'SIGKILL');
});

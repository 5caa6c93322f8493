import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Arbiter, type ArbiterStats, type Histogram } from 'prefork';
import { amount } from '../helpers/amount.js';
import { classes } from '../helpers/classes.js';
import { ask, parsed, READERS, readNumbers } from '../helpers/exposition.js';
import { Gate } from '../helpers/gate.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { Load } from '../helpers/load.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const text = async (host: Host): Promise<string> => (await host.call('metrics')) as string;

/** Sends `count` requests, a few at once, each on a connection of its own. */
async function send(url: string, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += 5) {
    await Promise.all(Array.from({ length: Math.min(5, count - sent) }, () => get(url)));
  }
}

for (const { name, options } of classes()) {
  test(`numbers_out: a real parser reads the text, and what it says is what clients counted, ${name}`, async (t) => {
    const name = 'a "quoted" \\ name';
    const host = new Host(t, { ...options, workers: 2, name });
    const url = await host.ready();
    await send(url, 20);
    await send(`${url}/throw`, 2);
    await host.finished(22);
    const written = await text(host);
    const families = parsed(written);
    const labels = { name };
    const single = (metric: string): string => {
      const [sample, ...more] = (families.get(metric)?.metrics ?? []) as { value: string; labels: object }[];
      assert.deepEqual([sample?.labels, more], [labels, []], metric);
      return sample?.value as string;
    };
    assert.equal(single('prefork_requests_total'), '22');
    assert.equal(single('prefork_request_errors_total'), '2');
    assert.equal(single('prefork_workers_target'), '2');
    for (const counter of ['crashes', 'timeouts', 'respawns', 'recycles']) {
      assert.equal(single(`prefork_worker_${counter}_total`), '0');
    }
    for (const metric of ['prefork_request_duration_seconds', 'prefork_request_wait_seconds']) {
      const { type, metrics } = families.get(metric) ?? {};
      // The parser keeps only the buckets of a histogram with labels.
      const [{ buckets }] = metrics as unknown as [{ buckets: Record<string, string> }];
      const [count, sum = -1] = ['count', 'sum'].map((end) => readNumbers(written).get(`${metric}_${end}`));
      assert.deepEqual([type, count, buckets['+Inf']], ['HISTOGRAM', 22, '22']);
      assert.ok(sum >= 0 && sum < 3_600, `${sum}`);
      const counts = Object.entries(buckets).map(([le, value]) => [
        Number(le.replace('Inf', 'Infinity')),
        Number(value),
      ]);
      counts.sort(([a = 0], [b = 0]) => a - b);
      assert.deepEqual(
        counts.slice(0, 2).map(([le]) => le),
        [0.0005, 0.001],
      );
      for (const [index, [, value = 0]] of counts.entries()) assert.ok(value >= (counts[index - 1]?.[1] ?? 0));
    }
    const numbers = readNumbers(written);
    assert.equal(numbers.get('prefork_workers{state="ready"}'), 2);
    for (const worker of [1, 2]) {
      assert.ok((numbers.get(`prefork_worker_resident_memory_bytes{worker="${worker}"}`) ?? 0) > 1e6);
    }
    assert.equal(numbers.get('prefork_generation'), 1);
    // Each name is explained once.
    for (const word of ['HELP', 'TYPE']) {
      const names = [...written.matchAll(new RegExp(`^# ${word} (\\S+)`, 'gm'))].map(([, each]) => each);
      assert.deepEqual([names.length, new Set(names).size], [families.size, families.size]);
    }
    assert.ok(written.endsWith('\n') && !written.includes('\n\n') && !/undefined|NaN/.test(written));
    for (const { name: reader, command } of READERS) {
      const answer = ask(command, written);
      if (answer === undefined) t.diagnostic(`${reader} is not installed`);
      else assert.equal(answer.status, 0, `${reader}: ${answer.output}`);
    }
  });
}

test('numbers_out: before the start and after the stop there is a text too', async (t) => {
  const arbiter = new Arbiter({
    app: fixture('app.js'),
    bind: '127.0.0.1:0',
    workers: 1,
    signals: false,
    logger: false,
  });
  t.after(() => arbiter.stop({ graceful: false }));
  const requests = async (): Promise<number | undefined> =>
    readNumbers(await arbiter.metrics()).get('prefork_requests_total');
  assert.equal(await requests(), 0);
  await arbiter.start();
  const [address] = arbiter.addresses as unknown as [{ port: number }];
  await get(`http://127.0.0.1:${address.port}/`);
  await arbiter.stop();
  assert.equal(await requests(), 1);
  assert.equal(readNumbers(await arbiter.metrics()).get('prefork_workers{state="ready"}'), 0);
});

/** All numbers that must never decrease. */
function countersOf({ totals, requestTime, waitTime }: ArbiterStats): Record<string, number> {
  const times = Object.entries({ requestTime, waitTime }).flatMap(
    ([name, { counts, count, sum }]: [string, Histogram]) => [
      ...counts.map((each, index) => [`${name} ${index}`, each] as const),
      ...([
        [`${name} count`, count],
        [`${name} sum`, sum],
      ] as const),
    ],
  );
  return { ...totals, ...Object.fromEntries(times) };
}

/**
 * Reads the counters again and again until it is stopped. In the long form it reads as fast as the host answers, which
 * takes nothing but CPU.
 */
function watchCounters(
  t: TestContext,
  host: Host,
): { stop(): Promise<{ reads: number; last: Record<string, number> }> } {
  let stopped = false;
  let last: Record<string, number> = {};
  let reads = 0;
  const run = async (): Promise<void> => {
    let written: ReadonlyMap<string, number> = new Map();
    while (!stopped) {
      const now = countersOf(await host.stats());
      for (const [name, value] of Object.entries(last)) {
        assert.ok((now[name] ?? -1) >= value, `${name}: ${now[name]} after ${value}, in read ${reads}`);
      }
      last = now;
      const text = readNumbers((await host.call('metrics')) as string);
      for (const [name, value] of written) {
        if (!/_(?:total|bucket|count|sum)\b/.test(name)) continue;
        assert.ok((text.get(name) ?? -1) >= value, `${name}: ${text.get(name)} after ${value}, in read ${reads}`);
      }
      written = text;
      reads++;
      if (PAUSE > 0) await delay(PAUSE);
    }
  };
  const running = run();
  running.catch(() => undefined);
  const stop = async (): Promise<{ reads: number; last: Record<string, number> }> => {
    stopped = true;
    await running;
    last = countersOf(await host.stats());
    return { reads, last };
  };
  t.after(() => {
    stopped = true;
  });
  return { stop };
}

const TIMES = amount({ suite: 2, long: 20 });
/**
 * Milliseconds: between two reads, and between the requests of a client. Both need only be there while workers come and
 * go.
 */
const PAUSE = amount({ suite: 5, long: 0 });

for (const { name, options } of classes()) {
  const what = `${TIMES} reloads and ${TIMES} kills`;
  test(`numbers_stay: no counter goes back over ${what}, and the sum is what clients counted, ${name}`, async (t) => {
    // One class is enough for several workers: their slots add up in the same way in each class, and a slot gets its
    // next worker in the same way.
    const workers = name === 'sync' ? 2 : 1;
    const host = new Host(t, { ...options, workers, timeout: 60_000 });
    const url = await host.ready();
    const counters = watchCounters(t, host);
    let sent = 0;
    for (let round = 0; round < TIMES; round++) {
      await send(url, 10);
      sent += 10;
      // Nothing that has been stored is lost: a kill costs only what has not been stored yet.
      await host.finished(sent);
      const [worker] = await host.workers();
      process.kill(worker?.pid as number, 'SIGKILL');
      await host.event('worker:exit', ({ pid }) => pid === worker?.pid);
      await host.until(() => host.of('worker:ready').length === (workers + 1) * (round + 1), 'a replacement');
      const load = new Load(t, url, 2, PAUSE);
      await load.more(5);
      await host.call('reload');
      await load.stop();
      assert.deepEqual(load.failures, []);
      sent += load.answered;
    }
    await host.finished(sent);
    const { reads, last } = await counters.stop();
    t.diagnostic(`${reads} reads, ${sent} requests`);
    assert.ok(reads > 2 * TIMES, `${reads} reads`);
    assert.deepEqual(
      [last['requests'], last['requestTime count'], last['waitTime count'], last['crashes'], last['reloads']],
      [sent, sent, sent, TIMES, TIMES],
    );
  });

  test(`numbers_stay: of a worker that is killed under load hardly anything is lost, ${name}`, async (t) => {
    const host = new Host(t, { ...options, workers: 2 });
    const url = await host.ready();
    const counters = watchCounters(t, host);
    const load = new Load(t, url, 4, PAUSE);
    for (let round = 0; round < TIMES; round++) {
      await load.more(20);
      let pid: number | undefined;
      // A worker that has died again and again is replaced only after a wait.
      await eventually(async () => {
        pid = (await host.workers()).find(({ state }) => state === 'ready')?.pid;
        return pid !== undefined;
      }, 'a ready worker');
      process.kill(pid as number, 'SIGKILL');
      await host.event('worker:exit', (worker) => worker.pid === pid);
    }
    await load.more(20);
    await load.stop();
    let seen = -1;
    await eventually(async () => {
      const before = seen;
      seen = (await host.stats()).totals.requests;
      return seen === before;
    }, 'a count that stays');
    const { last } = await counters.stop();
    const lost = load.answered - seen;
    t.diagnostic(
      `${lost} of ${load.answered} answers are not counted after ${TIMES} kills; ${load.failures.length} requests failed`,
    );
    // A kill loses the requests that ended in the two milliseconds before, which are few on any machine. A failed
    // request may have been counted.
    assert.ok(lost <= 50 * TIMES && lost >= -load.failures.length, `${lost} lost`);
    assert.equal(last['requestTime count'], last['requests']);
  });
}

test('numbers_stay: a thread that is replaced goes on with the times of the one before it', async (t) => {
  const host = new Host(t, { workerClass: 'threaded', threads: 2, workers: 1, app: fixture('own-metrics.js') });
  const url = await host.ready();
  await send(url, 6);
  await host.finished(6);
  for (let round = 1; round <= 3; round++) {
    const before = await host.stats();
    await get(`${url}/exit`);
    await host.until(() => host.of('thread:exit').length === round, 'the end of a thread');
    await host.finished(6 + round);
    const after = await host.stats();
    const [then, now] = [countersOf(before), countersOf(after)];
    for (const [counter, value] of Object.entries(then)) assert.ok((now[counter] ?? -1) >= value, counter);
    assert.deepEqual([after.requestTime.count, after.waitTime.count], [6 + round, 6 + round]);
  }
});

test('times: what a request takes, and what one waits behind it, are in their buckets', async (t) => {
  const gate = await Gate.open(t);
  const host = new Host(t, {
    ...{ workers: 1, workerClass: 'threaded', threads: 1 },
    ...{ app: fixture('gated.js'), env: gate.env },
  });
  const client = await RawClient.connect(t, await host.ready());
  // The second request has arrived, and cannot begin.
  client.get('/first').get('/second');
  const first = await gate.next();
  const start = performance.now();
  await eventually(() => performance.now() - start > 20, 'a while');
  first.release();
  (await gate.next()).release();
  await host.finished(2);
  const { requestTime, waitTime } = await host.stats();
  for (const { bounds, counts, count, sum } of [requestTime, waitTime]) {
    const above = counts.slice(bounds.indexOf(10) + 1).reduce((all, each) => all + each, 0);
    const told = JSON.stringify({ requestTime, waitTime });
    assert.ok(above >= 1 && count === 2 && sum >= 20 && sum < 60_000, told);
  }
});

for (const trustProxy of ['loopback', false] as const) {
  test(`times: what a proxy says of the wait counts if it is trusted, ${trustProxy}`, async (t) => {
    const host = new Host(t, { workers: 1, trustProxy });
    const [client, before] = [await RawClient.connect(t, await host.ready()), Date.now()];
    client.send(`GET / HTTP/1.1\r\nHost: a\r\nX-Request-Start: t=${(before - 100_000) / 1_000}\r\n\r\n`);
    await host.finished(1);
    const { waitTime } = await host.stats();
    const told = `${waitTime.sum} ms, ${Date.now() - before} ms after it was sent`;
    if (trustProxy) assert.ok(waitTime.sum >= 99_999, told);
    else assert.ok(waitTime.sum <= Date.now() - before, told);
  });
}

test('saturation: full when every place is taken, and not when one is free', async (t) => {
  const fills = async (options: HostOptions): Promise<void> => {
    const gate = await Gate.open(t);
    const host = new Host(t, { ...options, app: fixture('gated.js'), env: gate.env });
    const url = await host.ready();
    const share = async (): Promise<number> => (await host.stats()).saturation.second ?? Number.NaN;
    await eventually(async () => (await share()) < 0.2, `an empty house, ${options.workerClass}`);
    const held = [await gate.hold(`${url}/1`)];
    await eventually(async () => (await share()) < 0.2, `a house with one place free, ${options.workerClass}`);
    held.push(await gate.hold(`${url}/2`));
    await eventually(async () => (await share()) > 0.9, `a full house, ${options.workerClass}`);
    const { saturation } = await host.stats();
    assert.ok((saturation.minute ?? 0) > 0 && (saturation.minute ?? 1) <= 1);
    const numbers = readNumbers(await text(host));
    assert.ok((numbers.get('prefork_saturation_ratio{window="1s"}') ?? 0) > 0.5);
    assert.ok((numbers.get('prefork_saturation_ratio{window="5m"}') ?? 0) > 0);
    for (const { arrival } of held) arrival.release();
    await eventually(async () => (await share()) < 0.2, `an empty house again, ${options.workerClass}`);
    await host.call('stop');
  };
  // The three run at once, since they mostly wait: the share that they read is that of a second.
  await Promise.all([
    fills({ workerClass: 'sync', workers: 2 }),
    fills({ workerClass: 'threaded', threads: 2, workers: 1 }),
    fills({ workerClass: 'async', workerConnections: 1, workers: 2 }),
  ]);
});

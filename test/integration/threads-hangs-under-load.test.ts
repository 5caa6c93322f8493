import assert from 'node:assert/strict';
import test from 'node:test';
import { amount } from '../helpers/amount.js';
import { openSockets } from '../helpers/descriptors.js';
import { loadWithHangs } from '../helpers/hanging-load.js';
import { fixture, Host } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/** What the stack must name, by the way to hang. */
const GUILTY = { spin: 'spinForEver', regex: 'matchCatastrophically', atomics: 'waitForNobody' } as const;
const KINDS = Object.keys(GUILTY) as (keyof typeof GUILTY)[];
const HANGS = amount({ suite: KINDS.length, long: 200 });
const PROCESSES = 2;
const THREADS = amount({ suite: 3, long: 4 });

test(`${HANGS} hangs of ${PROCESSES} x ${THREADS} threads under load: each is answered and explained, and nothing else fails`, async (t) => {
  const host = new Host(t, {
    ...{ workers: PROCESSES, workerClass: 'threaded', threads: THREADS, timeout: 500 },
    app: fixture('hangs.js'),
  });
  const url = await host.ready();
  const before = descriptors(host);
  const hanging = (number: number): string => `/${KINDS[number % KINDS.length]}/${number}`;
  const { statuses, served, late, failures } = await loadWithHangs(url, { hangs: HANGS, hanging, other: '/who' });
  await host.until(() => host.of('thread:exit').length >= HANGS, 'the end of all threads that hung');

  t.diagnostic(`${served} other requests served, ${late} came late to a thread that hung`);
  assert.deepEqual(failures, []);
  assert.deepEqual(statuses, Array(HANGS).fill('HTTP/1.1 504 Gateway Timeout'));
  const reports = host.of('worker:timeout').map(({ args: [, report] }) => report);
  assert.equal(reports.length, HANGS);
  const urls = new Set(reports.map(({ request }) => request.url));
  assert.equal(urls.size, HANGS);
  for (const { stack, request, answered } of reports) {
    const [, kind] = request.url.split('/') as [string, keyof typeof GUILTY];
    assert.equal(/^ {4}at (\w+) /.exec(stack)?.[1], GUILTY[kind], `${request.url}: ${stack}`);
    assert.ok(answered);
  }
  assert.deepEqual(
    [host.of('thread:exit').length, host.of('worker:exit').length, host.of('worker:error').length],
    [HANGS, 0, 0],
  );
  assert.ok(host.of('thread:exit').every(({ args: [, { reason }] }) => reason === 'timeout'));
  assert.ok(served > HANGS, `${served} other requests`);
  await eventually(
    () => descriptors(host).every((count, index) => count <= (before[index] ?? 0)),
    () => `as many sockets as before: ${before}, now ${descriptors(host)}`,
  );
  host.kill('SIGTERM');
  await host.exited();
  const exits = host.of('worker:exit').map(({ args: [, { code, signal, reason }] }) => [code, signal, reason]);
  assert.deepEqual(exits, Array(PROCESSES).fill([0, null, 'stop']));
});

function descriptors(host: Host): number[] {
  return host.workerPids.map((pid) => openSockets(pid));
}

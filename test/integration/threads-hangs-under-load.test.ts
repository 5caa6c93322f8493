import assert from 'node:assert/strict';
import test from 'node:test';
import { openSockets } from '../helpers/descriptors.js';
import { fixture, Host } from '../helpers/host.js';
import { type Asked, ask, GRACE } from '../helpers/punctual.js';
import { eventually } from '../helpers/wait.js';

/** What the stack must name, by the way to hang. */
const GUILTY = { spin: 'spinner', regex: 'backtracker', atomics: 'waiter' } as const;
const KINDS = Object.keys(GUILTY) as (keyof typeof GUILTY)[];
const HANGS = Number(process.env['HANGS'] ?? 24);
const PROCESSES = 2;
const THREADS = 4;

test(`${HANGS} hangs of ${PROCESSES} x ${THREADS} threads under load: each is answered and explained, and nothing else fails`, async (t) => {
  const host = new Host(t, {
    ...{ workers: PROCESSES, workerClass: 'threaded', threads: THREADS, timeout: 1_000 },
    app: fixture('hangs-in-thread.js'),
  });
  const url = await host.ready();
  const before = descriptors(host);
  const failures: Asked[] = [];
  let served = 0;
  let late = 0;
  let left = HANGS;
  const load = async (): Promise<void> => {
    while (left > 0) {
      const asked = await ask(url, '/who');
      if (asked.answer.startsWith('HTTP/1.1 200 OK')) served++;
      else if (asked.silent > GRACE) late++;
      else failures.push(asked);
    }
  };
  const statuses: string[] = [];
  const hang = async (): Promise<void> => {
    while (left > 0) {
      const number = left--;
      const kind = KINDS[number % KINDS.length];
      const { answer } = await ask(url, `/${kind}/${number}`);
      statuses.push(answer.split('\r\n')[0] ?? '');
    }
  };
  // What hangs takes CPU, so few do at a time: each second of their clocks is one in which they had it.
  await Promise.all([load(), load(), hang(), hang()]);
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

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test, { describe, type TestContext } from 'node:test';
import { fixture, Host } from '../helpers/host.js';
import { RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { temporaryFolder } from '../helpers/place.js';
import { gone } from '../helpers/process.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

interface Blocked {
  readonly host: Host;
  readonly pid: number;
}

/**
 * A worker with one thread that is blocked in native code; nothing but the process itself can end that thread within a
 * minute.
 */
async function blocked(t: TestContext, timeout: number): Promise<Blocked> {
  const FIFO = join(temporaryFolder(t), 'fifo');
  execFileSync('mkfifo', [FIFO]);
  const options = {
    ...{ workers: 1, workerClass: 'threaded', threads: 2, timeout, gracefulTimeout: 60_000 },
    app: fixture('hangs.js'),
    execArgv: ['--import', fixture('throws-on-signal.js')],
  } as const;
  const host = new Host(t, options, { env: { FIFO } });
  const url = await host.ready();
  const [pid] = host.workerPids as [number];
  // A read that nothing ends. The call of a program would end, with the thread, when the program is killed.
  (await RawClient.connect(t, url)).get('/read');
  await eventually(async () => (await host.stats()).workers[0]?.active === 1, 'a thread that reads');
  return { host, pid };
}

const WAYS_OUT = {
  drain: { act: ({ host }: Blocked) => host.kill('SIGTERM'), code: 0, reason: 'stop' },
  quit: { act: ({ host }: Blocked) => host.kill('SIGINT'), code: 0, reason: 'stop' },
  crash: { act: ({ pid }: Blocked) => process.kill(pid, 'SIGUSR2'), code: 1, reason: 'crash' },
};

// Each test waits for its clocks and does nothing else.
describe('threads that are blocked', { concurrency: true }, () => {
  for (const [way, { act, ...expected }] of Object.entries(WAYS_OUT)) {
    test(`a thread that was given up keeps no process: ${way}`, async (t) => {
      const given = await blocked(t, 1_000);
      await given.host.event('thread:exit');
      act(given);
      await gone(given.pid);
      const [, { code, signal, reason }] = await given.host.event('worker:exit');
      assert.deepEqual({ code, signal, reason }, { ...expected, signal: null });
    });
  }

  for (const way of ['quit', 'crash'] as const) {
    test(`a thread that native code blocks keeps no process: ${way}`, async (t) => {
      const given = await blocked(t, 60_000);
      const { act, ...expected } = WAYS_OUT[way];
      act(given);
      await gone(given.pid);
      const [, { code, signal, reason }] = await given.host.event('worker:exit');
      assert.deepEqual({ code, signal, reason }, { ...expected, signal: null });
    });
  }

  test('a thread that was given up keeps no process: its master was killed', async (t) => {
    const given = await blocked(t, 1_000);
    await given.host.event('thread:exit');
    given.host.kill('SIGKILL');
    await gone(given.pid);
  });
});

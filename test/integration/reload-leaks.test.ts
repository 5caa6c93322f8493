/*
 * Many reloads under every kind of load at once: nothing fails, and nothing is left of them. The long form is the whole
 * proof.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { amount } from '../helpers/amount.js';
import { targets } from '../helpers/descriptors.js';
import { fixture, Host } from '../helpers/host.js';
import { MixedLoad } from '../helpers/mixed-load.js';
import { temporaryFolder } from '../helpers/place.js';
import { childrenOf } from '../helpers/process.js';
import { eventually } from '../helpers/wait.js';

const WORKERS = amount({ suite: 2, long: 4 });
const MEGABYTE = 2 ** 20;
/**
 * Bytes that the heap of a master may take before its first large collection. PER_RELOAD adds a little for each reload.
 */
const ROOM = 24 * MEGABYTE;
/** Bytes of each upload. */
const UPLOAD = amount({ suite: 2_000_000, long: 10_000_000 });
const PER_RELOAD = MEGABYTE / 8;

const CASES = amount({ suite: { sync: 2, threaded: 1, async: 1 }, long: { sync: 100, threaded: 100, async: 100 } });

function rssOf(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024;
}

/** How many descriptors a process has open, of each kind. */
function descriptors(pid: number): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const opened of targets(pid)) {
    const kind = opened.replace(/:\[\d+\]$|prefork-.*/, '');
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

interface Look {
  readonly opened: Record<string, number>;
  readonly processes: number;
}

/**
 * Whether a process has no more open than before. Files that the master reads now and then, such as the queues of its
 * sockets, may have been open only before.
 */
function isNoMore({ opened, processes }: Look, before: Look): boolean {
  const kinds = Object.entries(opened);
  return processes === before.processes && kinds.every(([kind, count]) => count <= (before.opened[kind] ?? 0));
}

for (const [workerClass, reloads] of Object.entries(CASES)) {
  test(`reload_x100_no_fd_or_memory_leak: ${reloads} of ${workerClass}`, {
    skip: process.platform !== 'linux',
  }, async (t) => {
    const socketPath = join(temporaryFolder(t), 'socket');
    const options = { workers: WORKERS, surge: WORKERS, app: fixture('deploy.js'), keepAlive: 500 };
    const bind = ['127.0.0.1:0', `unix:${socketPath}`];
    const threads = workerClass === 'threaded' && { threads: 2 };
    const host = new Host(t, { ...options, bind, workerClass, ...threads });
    const url = await host.ready();
    const load = new MixedLoad(
      t,
      { url, socketPath },
      { close: 2, keepAlive: 2, upload: 1, unix: 2 },
      { upload: UPLOAD },
    );
    // What the master does once, for the first reload, is no leak.
    await host.call('reload');
    const look = (): Look => ({ opened: descriptors(host.pid), processes: childrenOf(host.pid).length });
    const before = look();
    const memory: number[] = [rssOf(host.pid)];
    for (let generation = 3; generation < reloads + 3; generation++) {
      await load.more(20);
      assert.deepEqual(await host.call('reload'), { generation, replaced: WORKERS });
      memory.push(rssOf(host.pid));
    }
    await load.more(20);
    await load.stop();
    assert.deepEqual(load.failures, [], String(load));
    for (const kind of Object.values(load.counts)) assert.ok(kind.answered > 0, String(load));
    // The master hears of the end of a process a moment later.
    await eventually(
      () => isNoMore(look(), before),
      () => JSON.stringify([before, look()]),
    );
    assert.equal(before.processes, WORKERS + 1);
    const [first = 0, last = 0] = [memory[0], memory.at(-1)];
    assert.ok(last - first < ROOM + reloads * PER_RELOAD, `resident after each reload: ${memory.join(', ')}`);
    const { totals, workers, degraded } = await host.stats();
    assert.deepEqual([totals.reloads, totals.crashes, totals.timeouts, totals.errors], [reloads + 1, 0, 0, 0]);
    assert.deepEqual([workers.length, degraded], [WORKERS, false]);
    t.diagnostic(`${load.answered} requests; resident before ${first}, after ${last}`);
  });
}

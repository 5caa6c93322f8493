/* Claim: a master that is asked ten times a second through its control takes less than a hundredth of a core. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keep, stopChild } from './harness/peer.mjs';
import { stat } from './harness/proc.mjs';
import { atMost, report, table } from './harness/report.mjs';
import { settings } from './harness/settings.mjs';

const HOST = fileURLToPath(new URL('./peers/controlled.mjs', import.meta.url));
/** Requests before those that are counted, while code is compiled. */
const WARM_UP = 200;
/** A hundredth of a core, for each of ten requests a second. Microseconds. */
const TARGET = 1_000;

const { workers, requests } = settings({ workers: 8, requests: 1_000 }, { requests: 200 });
const folder = mkdtempSync(join(tmpdir(), 'prefork-bench-'));
const socketPath = join(folder, 'control');
const master = keep(fork(HOST, [String(workers), socketPath]));
const rows = [];
try {
  await Promise.race([
    once(master, 'message'),
    once(master, 'exit').then(() => Promise.reject(new Error('the host ended before its workers served'))),
  ]);
  for (const path of ['/livez', '/readyz', '/stats', '/metrics']) {
    for (let count = 0; count < WARM_UP; count++) await ask(path);
    const before = stat(master.pid).cpu;
    for (let count = 0; count < requests; count++) await ask(path);
    const each = ((stat(master.pid).cpu - before) / requests) * 1e6;
    rows.push([path, Math.round(each), atMost(TARGET, each)]);
  }
} finally {
  await stopChild(master);
  rmSync(folder, { recursive: true, force: true });
}
report(
  `What a request to its control costs the master of ${workers} workers`,
  `CPU time of the master for each of ${requests} requests, one after the other, a connection for each. At ten a second, ${TARGET} µs for each are a hundredth of a core.`,
  table(['path', 'CPU per request, µs', 'target'], rows),
);

async function ask(path) {
  const outgoing = request({ socketPath, path, agent: false, headers: { Host: 'localhost' } }).end();
  const [response] = await once(outgoing, 'response');
  response.resume();
  await once(response, 'end');
  if (response.statusCode !== 200) throw new Error(`${path}: expected 200, got ${response.statusCode}`);
}

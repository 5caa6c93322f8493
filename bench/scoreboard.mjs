/* Claim: the scoreboard costs a request less than a microsecond. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FD } from '../build/protocol/spec.js';
import { STATE } from '../build/scoreboard/scoreboard.js';
import { Slot } from '../build/worker/vitals/slot.js';
import { atMost, report, table } from './harness/report.mjs';
import { alternate, median, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';

const TARGET = 1;
const INSIDE = 'PREFORK_BENCH_SCOREBOARD';
const { rounds, requests } = settings({ rounds: 15, requests: 100_000 }, { rounds: 5, requests: 50_000 });

if (process.env[INSIDE] === undefined) process.exitCode = await outside();
else await inside();

/** Starts this script again, with an unlinked file of /dev/shm on the file descriptor of a worker's scoreboard. */
async function outside() {
  const path = `/dev/shm/prefork-bench-${process.pid}`;
  const fd = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  const stdio = ['ignore', 'inherit', 'inherit'];
  stdio[FD.SCOREBOARD] = fd;
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: Array.from(stdio, (entry) => entry ?? 'ignore'),
    env: { ...process.env, [INSIDE]: '1' },
  });
  closeSync(fd);
  const [code] = await once(child, 'exit');
  return code ?? 1;
}

async function inside() {
  const slot = new Slot(0, STATE.SERVING);
  const bytes = Buffer.alloc(64);
  const tasks = {
    nothing: () => {},
    'one writeSync of 64 bytes': () => writeSync(FD.SCOREBOARD, bytes, 0, 64, 0),
    'begin and end of a request': () => {
      slot.begin('GET', '/', 0.2);
      slot.end(false, 0.1);
    },
  };
  await alternate(Object.values(tasks), 3, measure);
  const [nothing, ...results] = await alternate(Object.values(tasks), rounds, measure);
  const [write, request] = results.map((own) => own.map((cost, round) => cost - nothing[round]));
  report(
    'Scoreboard: its cost per request',
    `${rounds} alternating rounds of ${requests} requests, two turns of the event loop each, on /dev/shm; µs of CPU above those of the turns alone, median (min-max).`,
    table(
      ['begin and end of a request', 'one writeSync of 64 bytes', 'difference', 'target'],
      [
        [
          spread(request),
          spread(write),
          spread(request.map((cost, round) => cost - write[round])),
          atMost(TARGET, median(request)),
        ],
      ],
    ),
  );
}

/**
 * CPU time of one task, microseconds. The tasks run in the rhythm of a worker under load: one turn of the event loop
 * for the accept, and one for the request.
 */
async function measure(task) {
  const before = process.cpuUsage();
  await new Promise((resolve) => {
    let left = requests;
    const accept = () => setImmediate(read);
    const read = () => {
      task();
      if (--left > 0) setImmediate(accept);
      else resolve();
    };
    accept();
  });
  const { user, system } = process.cpuUsage(before);
  return (user + system) / requests;
}

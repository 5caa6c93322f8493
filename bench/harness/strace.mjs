/* The system calls of processes, counted by strace. Unlike times, these counts do not vary from run to run. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { keep } from './peer.mjs';

/** Ends the script if strace is missing. */
export function needStrace() {
  if (spawnSync('strace', ['-V']).error === undefined) return;
  console.error("strace is not installed: 'apt-get install strace'; it is for Linux only");
  process.exit(2);
}

/**
 * Counts the system calls of some processes, with all their threads, while `run` runs.
 *
 * @param {readonly number[]} pids
 * @param {() => Promise<unknown>} run
 * @returns {Promise<Map<string, { calls: number, errors: number }>>}
 */
export async function countCalls(pids, run) {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-strace-'));
  const file = join(folder, 'counts');
  try {
    const strace = keep(
      spawn('strace', ['-f', '-c', '-o', file, ...pids.flatMap((pid) => ['-p', String(pid)])], {
        stdio: ['ignore', 'ignore', 'pipe'],
      }),
    );
    await attached(strace, pids.length);
    await sleep(100);
    await run();
    const ended = once(strace, 'exit');
    strace.kill('SIGINT');
    await ended;
    return parseCounts(readFileSync(file, 'utf8'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Waits until strace says that it has attached to each process. It goes on writing, so its pipe must stay open. */
function attached(strace, count) {
  return new Promise((resolve, reject) => {
    let said = '';
    strace.stderr.setEncoding('utf8').on('data', (text) => {
      said += text;
      if ((said.match(/ attached/g) ?? []).length >= count) resolve();
    });
    strace.once('exit', () => reject(new Error(`strace: ${said}`)));
  });
}

/** @param {string} text the table of `strace -c` */
export function parseCounts(text) {
  const rows = text.matchAll(/^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:(\d+) +)?(\w+)$/gm);
  const counts = [...rows].map(([, calls, errors = '0', name]) => [
    name,
    { calls: Number(calls), errors: Number(errors) },
  ]);
  return new Map(counts.filter(([name]) => name !== 'total'));
}

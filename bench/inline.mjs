/*
 * Claim: workers that run the script of an inline host cost less CPU to boot, and less memory, than those of an earlier
 * build, whose workers loaded the whole master. The earlier build is a separate checkout that has been built:
 * `node bench/inline.mjs --base=../earlier`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { keep } from './harness/peer.mjs';
import { stat } from './harness/proc.mjs';
import { report, table } from './harness/report.mjs';
import { alternate, ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';

const HOST = fileURLToPath(new URL('./peers/inline.mjs', import.meta.url));

const { base, rounds, workers } = settings({ base: '', rounds: 15, workers: 8 }, { rounds: 5 });
if (base === '') throw new Error("expected the folder of an earlier build, got none: '--base=../earlier'");
const earlier = pathToFileURL(resolve(base, 'dist/index.js')).href;
const builds = [
  ['base', earlier],
  ['base again', earlier],
  ['this', new URL('../dist/index.js', import.meta.url).href],
];

async function boot([, url]) {
  const [before, started] = [stat('self').ended, performance.now()];
  const env = { ...process.env, PREFORK_BUILD: url };
  const child = keep(spawn(process.execPath, [HOST, workers], { stdio: ['ignore', 'pipe', 'inherit'], env }));
  const ended = once(child, 'exit');
  const [megabytes] = await once(child.stdout, 'data');
  await ended;
  return { cpu: (stat('self').ended - before) * 1_000, time: performance.now() - started, memory: Number(megabytes) };
}

const results = await alternate(builds, rounds, boot);
const column = (index, key) => results[index].map((result) => result[key]);
report(
  `An inline host of ${workers} workers, beside an earlier build`,
  `${rounds} alternating rounds, from the start of the host to its exit, all processes together; memory is PSS of a worker that has served nothing. Median (min-max).`,
  table(
    ['build', 'CPU, ms', '/ base', 'time, ms', '/ base', 'MB each', '/ base'],
    builds.map(([name], index) => [
      name,
      ...['cpu', 'time', 'memory'].flatMap((key) => [
        spread(column(index, key), key === 'memory' ? 1 : 0),
        index === 0 ? '' : spread(ratios(column(index, key), column(0, key))),
      ]),
    ]),
  ),
);

/*
 * Claim: reports of slow requests cost the other requests nothing. Some clients send slow requests, which take 70 ms of
 * CPU and are reported after 10 ms. Two other clients send requests that take next to no CPU. Each answer has the
 * checksum of the request's body. Alternating rounds, with reports and without, show how long the other requests take,
 * that no request fails or is changed, and that the stacks name the slow function.
 */
import { fileURLToPath } from 'node:url';
import { quantile, slowLoad } from '../dist-test/helpers/slow-load.js';
import { atMost, report, table } from './harness/report.mjs';
import { ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';

const { Arbiter } = await import(process.env.PREFORK_BUILD ?? 'prefork');

const TARGET = 1.05;
/** Milliseconds. */
const SLOW_AFTER = 10;
const OFF = 0;
const HOUSES = {
  '4 sync workers': { workers: 4 },
  '2 workers of 4 threads': { workers: 2, workerClass: 'threaded', threads: 4 },
};

/** In each round, `clients` send `slow` slow requests in all, once with reports and once without. */
const { rounds, slow, clients } = settings({ rounds: 10, slow: 100, clients: 2 }, { rounds: 3, slow: 40 });
const app = fileURLToPath(new URL('../dist-test/fixtures/slow-load.js', import.meta.url));

async function measure(house, slowAfter) {
  const arbiter = new Arbiter({ app, bind: '127.0.0.1:0', logger: false, signals: false, slowAfter, ...HOUSES[house] });
  const told = [];
  let untold = 0;
  arbiter.on('worker:slow', (_worker, { request, stack, paused, suppressed = 0 }) => {
    untold += suppressed;
    if (request.url.startsWith('/slow/')) told.push({ isNamed: /guiltyFunction/.test(stack), paused });
  });
  const events = [];
  for (const name of ['error', 'worker:exit', 'thread:exit', 'stop']) {
    arbiter.on(name, (...args) => events.push(`${name} ${JSON.stringify(args)}`.slice(0, 500)));
  }
  await arbiter.start();
  const [{ port }] = arbiter.addresses;
  const load = { slow, slowClients: clients, otherClients: 2 };
  const { sent, wrong, times } = await slowLoad(`http://127.0.0.1:${port}`, load);
  if (wrong.length > 0)
    console.error(`slowAfter ${slowAfter}, ${arbiter.state}:`, wrong.slice(0, 5), events.slice(0, 20));
  await arbiter.stop();
  return { sent, wrong: wrong.length, times, told, untold, p99: quantile(times, 0.99) };
}

const rows = [];
for (const house of Object.keys(HOUSES)) {
  const results = { [OFF]: [], [SLOW_AFTER]: [] };
  for (let round = 1; round <= rounds; round++) {
    console.error(`${house}: round ${round} of ${rounds}`);
    // The order alternates, so that what one run leaves behind does not favour one kind.
    for (const kind of round % 2 ? [OFF, SLOW_AFTER] : [SLOW_AFTER, OFF])
      results[kind].push(await measure(house, kind));
  }
  const [p50, p99] = [0.5, 0.99].map((share) => [OFF, SLOW_AFTER].map((kind) => ofAll(results[kind], share)));
  const [off, on] = [OFF, SLOW_AFTER].map((kind) => results[kind].map((one) => one.p99));
  const told = results[SLOW_AFTER].flatMap((one) => one.told);
  const sum = (key, list) => list.reduce((total, one) => total + one[key], 0);
  const both = [...results[OFF], ...results[SLOW_AFTER]];
  rows.push([
    ...[house, p50.map(milliseconds).join(' / '), p99.map(milliseconds).join(' / ')],
    ...[`${(p99[1] / p99[0]).toFixed(2)}; ${spread(ratios(on, off))}`, atMost(TARGET, p99[1] / p99[0])],
    `${told.length} of ${rounds * slow}, ${told.filter(({ isNamed }) => isNamed).length}, ${sum('untold', results[SLOW_AFTER])}`,
    milliseconds(
      quantile(
        told.flatMap(({ paused }) => paused ?? []).sort((a, b) => a - b),
        0.99,
      ),
    ),
    `${sum('sent', both)}, ${sum('wrong', both)}`,
  ]);
}

/** The quantile of the times of all rounds together. */
function ofAll(list, share) {
  return quantile(
    list.flatMap(({ times }) => times).sort((a, b) => a - b),
    share,
  );
}

function milliseconds(value) {
  return value.toFixed(1);
}

const HEAD = ['on', 'p50 of the others, ms: off / on', 'p99, ms: off / on', 'p99 on / off: of all; by rounds'];
HEAD.push(
  'target',
  'told of, guilty function named, over the limit of a minute',
  'p99 of the pauses, ms',
  'sent, failed or changed',
);
report(
  'Slow reports: what the others notice',
  `${rounds} alternating rounds of ${slow} slow requests (70 ms of a CPU each, \`slowAfter: ${SLOW_AFTER}\`) by ${clients} clients, and 2 clients beside them that ask without a pause; processes of their own for each.`,
  table(HEAD, rows),
);

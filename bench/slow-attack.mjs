/*
 * Claim: slow clients cost no worker. During an attack by slowhttptest, in each of its modes, two sync workers serve
 * the other clients as they do while it attacks another server.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile, startOpenLoop } from './harness/open-loop.mjs';
import { installed, startPeer } from './harness/peer.mjs';
import { atMost, report, table } from './harness/report.mjs';
import { alternate, median, ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';
import { ATTACKS, needSlowhttptest, startAttack } from './harness/slowhttptest.mjs';
import { steady } from './harness/trace.mjs';
import { WORK } from './peers/attacked.mjs';

const TARGET = 1.5;
/** How long a server has to settle after an attack. Milliseconds. */
const REST = 1_000;
const APPS = { prefork: 'attacked.mjs', puma: 'attacked.ru', 'gunicorn sync': 'attacked' };

needSlowhttptest();
const { workers, clients, readers, ramp, rate, seconds, page, large, rounds, only } = settings(
  {
    workers: 2,
    clients: 500,
    readers: 200,
    ramp: 2,
    rate: 150,
    seconds: 6,
    page: 2_000,
    large: 3_000,
    rounds: 4,
    only: '',
  },
  { rounds: 1 },
);
const trace = steady({ rate, requests: rate * seconds, path: '/health' });
const start = (name) => startPeer(name, workers, { app: APPS[name] }, { PAGE: page * 1000, LARGE: large * 1000 });

const client = await startOpenLoop();
/**
 * A server that is attacked while another one is measured. This separates what slow clients cost a server from the CPU
 * that the attack takes from all.
 */
const decoy = await start('prefork');
const peers = [];
for (const name of installed(Object.keys(APPS).filter((each) => each.includes(only)))) peers.push(await start(name));

const runs = peers.flatMap((peer) => [
  { peer },
  ...ATTACKS.filter(({ path }) => peer.name === 'prefork' || path !== '/large').flatMap((attack) => [
    ...(peer.name === 'prefork' ? [{ peer, attack, victim: decoy }] : []),
    { peer, attack, victim: peer },
  ]),
]);

/**
 * The kernel holds almost four megabytes for each slow reader. With more of them, the kernel's memory would run short.
 */
function planOf({ reads }) {
  const all = reads ? readers : clients;
  return { clients: all, rate: all / ramp, seconds };
}

async function measure({ peer, attack, victim }) {
  const attacking = attack && startAttack(attack, victim.port, planOf(attack));
  const { latency, lateness, failures } = await client.run(peer.port, 'close', trace);
  const attacker = await attacking?.end();
  await sleep(REST);
  return {
    ...{ p50: percentile(latency, 0.5), p99: percentile(latency, 0.99), worst: percentile(latency, 1) },
    ...{ late: percentile(lateness, 0.99), failures: failures.length, attacker },
  };
}

for (const peer of peers) await client.run(peer.port, 'close', trace);
const results = await alternate(runs, rounds, measure);
await client.stop();
for (const peer of [decoy, ...peers]) await peer.stop();

const of = (own, key) => own.map((result) => result[key]);
const resultsOf = (wanted) =>
  results[
    runs.findIndex(({ peer, attack, victim }) =>
      [peer === wanted.peer, attack === wanted.attack, victim === wanted.victim].every(Boolean),
    )
  ];

/** How many times longer p99 is than in another run of the same round, and whether that meets the target. */
function beside(run, own, other) {
  const theirs = resultsOf({ ...run, ...other });
  if (run.attack === undefined || theirs === undefined || theirs === own) return ['', ''];
  const ratio = ratios(of(own, 'p99'), of(theirs, 'p99'));
  const isOurs = run.peer.name === 'prefork' && run.victim === run.peer;
  return [spread(ratio), isOurs ? atMost(TARGET, median(ratio)) : ''];
}

const rows = runs.map((run, index) => {
  const own = results[index];
  const attackers = of(own, 'attacker').filter((attacker) => attacker !== undefined);
  const attacked = run.victim === run.peer ? run.attack.name : `${run.attack?.name}, at another server`;
  return [
    run.peer.name,
    run.attack ? attacked : 'none',
    ...['p50', 'p99', 'worst'].map((key) => spread(of(own, key), 1)),
    ...beside(run, own, { attack: undefined, victim: undefined }),
    ...beside(run, own, { victim: decoy }),
    own.reduce((sum, { failures }) => sum + failures, 0),
    ...(attackers.length > 0
      ? [
          `${median(of(attackers, 'connected'))}, ${median(of(attackers, 'closed'))}`,
          (median(of(attackers, 'cpu')) * 100).toFixed(0),
        ]
      : ['', '']),
    spread(of(own, 'late')),
  ];
});
report(
  `Attacks by slowhttptest: ${workers} sync workers, ${clients} slow clients`,
  `${rounds} alternating rounds of ${seconds} s with ${rate} requests/s (open loop, evenly, a connection each) to a handler that takes ${WORK} ms of
CPU: short enough that the loss of a place for a moment shows, and long enough that the attacker competes with it for the
cores. During the same ${seconds} s an attack goes on, whose clients come within ${ramp} s and stay: ${clients}, or ${readers} slow readers, for each of which the kernel holds
almost 4 MB. \`At another server\`: the attack is on a second prefork that is not measured, so that the difference is due to the slow clients and not to the CPU that
the attacker and its victim take. Slow readers ask for ${page} KB, of which the kernel buffers 1,600 on the loopback
interface, or for ${large}: a worker has not the memory to hold that for all of them. Milliseconds from when a request was due, median (min-max). Slow
clients: how many were connected, and closed, when slowhttptest last counted them.`,
  table(
    [
      ...['peer', 'attack', 'p50', 'p99', 'worst', 'p99 / none', 'target', 'p99 / at another server', 'target'],
      ...['failures', 'slow clients', 'attacker, % of a core', 'client late'],
    ],
    rows,
  ),
);

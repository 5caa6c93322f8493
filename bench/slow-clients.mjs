/* Claim: clients that send nothing, or a byte a second, do not hold up the requests of other clients. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile, startOpenLoop } from './harness/open-loop.mjs';
import { startPeer } from './harness/peer.mjs';
import { atMost, report, table } from './harness/report.mjs';
import { alternate, median, ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';
import { steady } from './harness/trace.mjs';
import { BLOCKS } from './peers/blocking.mjs';

const TARGET = 1.5;
const HEAD = 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: and it goes on and on\r\n';
/** How long the server has to settle after the slow clients came or went. Milliseconds. */
const REST = 1_000;

const { workers, clients, rate, seconds, rounds } = settings(
  { workers: 2, clients: 500, rate: 300, seconds: 10, rounds: 7 },
  { seconds: 3, rounds: 2 },
);
const trace = steady({ rate, requests: rate * seconds, path: '/short' });

/**
 * Connects the slow clients: half of them are silent, half send a byte of a request head each second. A client whose
 * connection is closed connects again.
 */
async function crowdOfSlow(port) {
  let gone = false;
  let closed = 0;
  const sockets = new Map();
  const join = (index) =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', resolve);
      socket.on('error', () => undefined).resume();
      socket.on('close', () => {
        resolve();
        if (gone) return;
        closed++;
        join(index);
      });
      sockets.set(index, { socket, sent: 0 });
    });
  await Promise.all(Array.from({ length: clients }, (_, index) => join(index)));
  const ticking = setInterval(() => {
    for (const [index, client] of sockets) {
      // The head never ends.
      if (index % 2 === 1) client.socket.write(HEAD[client.sent++ % HEAD.length]);
    }
  }, 1_000);
  return {
    closed: () => closed,
    leave() {
      gone = true;
      clearInterval(ticking);
      for (const { socket } of sockets.values()) socket.destroy();
    },
  };
}

const client = await startOpenLoop();
const peer = await startPeer('prefork', workers, { app: 'blocking.mjs' });

async function measure(slow) {
  const crowd = slow ? await crowdOfSlow(peer.port) : undefined;
  await sleep(REST);
  const { latency, lateness, failures } = await client.run(peer.port, 'close', trace);
  crowd?.leave();
  await sleep(REST);
  return {
    ...{ p50: percentile(latency, 0.5), p99: percentile(latency, 0.99), worst: percentile(latency, 1) },
    ...{ late: percentile(lateness, 0.99), failures, closed: crowd?.closed() ?? 0 },
  };
}

await client.run(peer.port, 'close', trace);
const results = await alternate([false, true], rounds, measure);
await client.stop();
await peer.stop();

const of = (own, key) => own.map((result) => result[key]);
const ratio = ratios(of(results[1], 'p99'), of(results[0], 'p99'));
const rows = results.map((own, slow) => [
  slow ? `${clients} slow clients` : 'none',
  spread(of(own, 'p50')),
  spread(of(own, 'p99')),
  spread(of(own, 'worst'), 1),
  slow ? spread(ratio) : '',
  slow ? atMost(TARGET, median(ratio)) : '',
  spread(of(own, 'late')),
  of(own, 'failures').flat().length,
  of(own, 'closed').reduce((sum, count) => sum + count, 0),
]);
report(
  `Slow clients: ${workers} sync workers, ${clients} connections that are silent or send a byte a second`,
  `${rounds} alternating rounds of ${seconds} s with ${rate} requests/s (open loop, evenly, a connection each) to a handler that blocks
${BLOCKS.short} ms; milliseconds from when a request was due, median (min-max). Client late: p99 of how long after its time a request was sent.`,
  table(
    [
      'slow clients',
      'p50',
      'p99',
      'worst',
      'p99 with / without',
      'target',
      'client late',
      'failures',
      'slow ones closed',
    ],
    rows,
  ),
);

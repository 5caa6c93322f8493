/* Claim: a worker is hardly larger than a bare server process with the same application. */
import { setTimeout as sleep } from 'node:timers/promises';
import { closedLoop } from './harness/client.mjs';
import { startPeer } from './harness/peer.mjs';
import { children, commandLine, rss } from './harness/proc.mjs';
import { atMost, report, table } from './harness/report.mjs';
import { alternate, median, ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';

const TARGET = 1.12;
const SAMPLES = 5;

const { rounds, requests } = settings({ rounds: 7, requests: 20_000 }, { rounds: 2, requests: 2_000 });

/** Resident memory (megabytes) of the process that serves, fresh and after the requests, and of its master. */
async function measure(name) {
  const peer = await startPeer(name, 1);
  const server = name === 'prefork' ? children(peer.pid).find((pid) => /: worker /.test(commandLine(pid))) : peer.pid;
  const fresh = await settled(server);
  let left = requests;
  await closedLoop({ port: peer.port, clients: 4, goOn: () => left-- > 0 });
  const result = { fresh, loaded: await settled(server), master: await settled(peer.pid) };
  await peer.stop();
  return result;
}

async function settled(pid) {
  const samples = [];
  for (let sample = 0; sample < SAMPLES; sample++) {
    await sleep(200);
    samples.push(rss(pid) / 2 ** 20);
  }
  return median(samples);
}

const [ours, bare] = await alternate(['prefork', 'bare http.Server'], rounds, measure);
const row = (title, key) => {
  const [own, other] = [ours, bare].map((results) => results.map((result) => result[key]));
  const ratio = ratios(own, other);
  return [title, spread(own, 1), spread(other, 1), spread(ratio), atMost(TARGET, median(ratio))];
};
report(
  'Memory: a worker and a bare http.Server with the same application',
  `${rounds} pairs of new processes, ${SAMPLES} samples of VmRSS each; MB, median (min-max).`,
  table(
    ['', 'prefork worker', 'bare process', 'ratio', 'target'],
    [row('before the first request', 'fresh'), row(`after ${requests} requests`, 'loaded')],
  ),
  `Master of prefork, MB: ${spread(
    ours.map(({ master }) => master),
    1,
  )}`,
);

/*
 * What the head to head measures of one peer at a time: system calls, memory, boot and respawn. And TLS handshakes, for
 * which all peers are started.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, get, spawnPeer, stopChild } from '../harness/peer.mjs';
import { commandLine, pss, workersOf } from '../harness/proc.mjs';
import { alternate } from '../harness/rounds.mjs';
import { shakeHands } from '../harness/s-time.mjs';
import { countCalls } from '../harness/strace.mjs';
import { loadPeer } from '../harness/wrk.mjs';
import { leftOut, plan, start } from './peers.mjs';

/** A worker of prefork that has been ready for two seconds is replaced without a wait. Milliseconds. */
const STABLE = 2_100;
/** How long a peer has to answer, milliseconds. */
const LIMIT = 30_000;
/** Between two requests that find out whether a peer answers. Milliseconds. */
const LOOK = 4;
/** How many of these requests may be in flight at once. */
const MOST = 100;
const SERVES = 'hello\n';

/** The pids of the processes that serve. Where all workers are threads of one process, that is the peer itself. */
function servers(entry, peer) {
  return entry.threads === 'one process' ? [peer.pid] : workersOf(peer.pid);
}

/** System calls per request of all workers, by kind of connection. */
export async function callsOf(entry, { workers, ...load }) {
  const peer = await start(entry, workers);
  if (peer === undefined) return {};
  try {
    await loadPeer(peer, { ...load, seconds: 1 });
    const count = async (keepAlive) => {
      let requests = 0;
      const counts = await countCalls(servers(entry, peer), async () => {
        ({ requests } = await loadPeer(peer, { ...load, keepAlive }));
      });
      const calls = [...counts.values()].reduce((sum, one) => sum + one.calls, 0);
      return requests > 0 ? calls / requests : undefined;
    };
    return { close: await count(false), kept: entry.closes ? undefined : await count(true) };
  } finally {
    await peer.stop();
  }
}

/** Megabytes (PSS) of a worker and of the master after some load, with no other peer around to share pages with. */
export async function memoryOf(entry, { workers, ...load }) {
  const peer = await start(entry, workers);
  if (peer === undefined) return {};
  try {
    await loadPeer(peer, { ...load, keepAlive: !entry.closes });
    await sleep(1_000);
    const megabytes = (pids) => pids.reduce((sum, pid) => sum + pss(pid), 0) / 2 ** 20;
    const pids = servers(entry, peer);
    return { worker: megabytes(pids) / workers, master: pids.includes(peer.pid) ? undefined : megabytes([peer.pid]) };
  } finally {
    await peer.stop();
  }
}

/**
 * Starts a peer with one worker, and measures two times in milliseconds: from spawn to the first answer, and, once the
 * worker is stable, from its kill -9 to the next answer. A request that is sent meanwhile waits, or is refused; further
 * requests follow.
 */
export async function lifeOf(entry, options) {
  const { processes, setup, env } = plan(entry, 1, { options });
  const port = await freePort();
  const started = performance.now();
  const child = spawnPeer(entry.name, port, processes, setup, env);
  try {
    const boot = await answer(port, started);
    if (entry.threads === 'one process') return { boot };
    await sleep(STABLE);
    const victim = workersOf(child.pid).find((pid) => !options?.spares || commandLine(pid).includes(': worker '));
    const killed = performance.now();
    process.kill(victim, 'SIGKILL');
    return { boot, respawn: await answer(port, killed) };
  } finally {
    await stopChild(child);
  }
}

/**
 * How long after the time `since` the peer answers. New requests are sent again and again, whatever becomes of the
 * earlier ones. A master that has not noticed the death may hand a connection to the dead worker, where it may wait for
 * ever.
 */
function answer(port, since) {
  return new Promise((resolve, reject) => {
    let waiting = 0;
    const look = setInterval(async () => {
      const elapsed = performance.now() - since;
      if (elapsed > LIMIT) {
        clearInterval(look);
        reject(new Error(`no answer within ${LIMIT} ms`));
      }
      if (waiting === MOST) return;
      waiting++;
      const text = await get(port, false);
      waiting--;
      if (text !== SERVES) return;
      clearInterval(look);
      resolve(performance.now() - since);
    }, LOOK);
  });
}

/** Full handshakes per second, by peer and round. */
export async function handshakes(entries, { workers, rounds, tls, ...load }) {
  const started = [];
  for (const entry of entries) {
    const peer = await start(entry, workers, { tls });
    if (peer !== undefined) started.push({ entry, peer });
  }
  try {
    for (const { peer } of started) await shakeHands(peer, { ...load, seconds: 1 });
    const results = await alternate(started, rounds, async ({ entry, peer }) => {
      const { rate } = await shakeHands(peer, load);
      if (!(rate > 0)) leftOut.set(`${entry.title} with TLS`, 'no handshake succeeded');
      return rate;
    });
    return new Map(started.map(({ entry }, index) => [entry, results[index].filter((rate) => rate > 0)]));
  } finally {
    for (const { peer } of started) await peer.stop();
  }
}

/*
 * The client of an open loop, a process of its own. It sends each request when it is due, whatever has become of the
 * earlier ones, and counts latency from when the request was *due*: a client that waits for a slow server would not see
 * the slowness.
 *
 * With keep-alive it takes the idle connection that was used last, as `http.Agent` does by default, and opens a new
 * one when none is idle.
 */
import { Worker } from 'node:worker_threads';
import { Connection } from './connection.mjs';

/** How long the client waits for answers after the last request was due. Milliseconds. */
const LIMIT = 20_000;

const now = () => Number(process.hrtime.bigint()) / 1e6;
const pacer = new Worker(new URL('./pacer.mjs', import.meta.url));

process.on('message', async (job) => process.send(await run(job)));
process.on('disconnect', () => process.exit());
await new Promise((resolve) => pacer.once('online', resolve));
process.send('ready');

async function run({ port, connection, at, paths }) {
  const [latency, lateness] = [new Float64Array(at.length), new Float64Array(at.length)];
  const connections = [];
  const idle = [];
  const [failures, retries] = [[], { count: 0 }];
  let left = at.length;
  let abandoned = false;

  const open = () => {
    const made = new Connection(port);
    connections.push(made);
    if (abandoned) made.destroy();
    return made;
  };
  const takeIdle = () => {
    while (idle.length > 0) {
      const last = idle.pop();
      if (last.usable) return last;
    }
  };
  const exchange = async (path) => {
    const reused = takeIdle();
    const used = reused ?? open();
    try {
      await used.ask(path, connection);
    } catch (error) {
      // The server may close an idle connection while the request is on its way. Then it has not handled the request.
      if (reused === undefined || error.received > 0) throw error;
      retries.count++;
      const second = open();
      await second.ask(path, connection);
      return second;
    }
    return used;
  };
  const start = now() + 50;
  const send = async (index) => {
    lateness[index] = now() - start - at[index];
    try {
      const used = await exchange(paths[index]);
      latency[index] = now() - start - at[index];
      if (used.usable) idle.push(used);
    } catch (error) {
      latency[index] = now() - start - at[index];
      failures.push(error.message);
    }
    if (--left === 0) finish();
  };
  let finish;
  const finished = new Promise((resolve) => {
    finish = resolve;
  });

  const before = process.cpuUsage();
  pacer.on('message', send);
  pacer.postMessage({ start, at });
  // A request whose connection is destroyed fails, so `finished` resolves even if no answer comes.
  const abandon = () => {
    abandoned = true;
    for (const each of connections) each.destroy();
  };
  const limit = setTimeout(abandon, at.at(-1) + LIMIT);
  await finished;
  clearTimeout(limit);
  pacer.off('message', send);
  abandon();
  const { user, system } = process.cpuUsage(before);
  return {
    latency,
    lateness,
    failures,
    retries: retries.count,
    opened: connections.length,
    cpu: (user + system) / 1000 / (now() - start),
  };
}

/*
 * Node's cluster with a careful reload: cluster-reload.mjs PORT WORKERS [SETUP]. SIGHUP replaces one worker after the
 * other. A new worker is forked, and listens before the old one is disconnected. The old worker then accepts no further
 * connection, asks its clients to close theirs, closes those that are idle, and has 30 seconds for the rest. SETUP is
 * JSON: `socketPath` is a Unix socket to listen on as well.
 */
import cluster from 'node:cluster';
import { once } from 'node:events';
import http from 'node:http';

const GRACE = 30_000;
const [port, workers, setup = '{}'] = process.argv.slice(2);
const { socketPath } = JSON.parse(setup);
const addresses = [{ port: Number(port), host: '127.0.0.1' }, ...(socketPath ? [{ path: socketPath }] : [])];

/** Resolves when the new worker listens to all addresses. */
function fork() {
  let left = addresses.length;
  return new Promise((resolve) => {
    cluster.fork().on('listening', () => --left === 0 && resolve());
  });
}

async function retire(worker) {
  const limit = setTimeout(() => worker.process.kill('SIGKILL'), GRACE);
  worker.disconnect();
  await once(worker, 'exit');
  clearTimeout(limit);
}

async function reload() {
  for (const old of Object.values(cluster.workers)) {
    await fork();
    await retire(old);
  }
}

async function serve() {
  const { default: handler } = await import('./deployed.mjs');
  let leaving = false;
  const servers = addresses.map((address) =>
    http
      .createServer((request, response) => {
        if (leaving) response.setHeader('Connection', 'close');
        handler(request, response);
      })
      .listen({ ...address, backlog: 2048 }),
  );
  process.once('disconnect', () => {
    leaving = true;
    for (const server of servers) server.close();
  });
}

if (cluster.isPrimary) {
  for (let id = 0; id < Number(workers); id++) cluster.fork();
  let reloading = Promise.resolve();
  process.on('SIGHUP', () => {
    reloading = reloading.then(reload);
  });
} else {
  await serve();
}

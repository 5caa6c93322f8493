/*
 * Node's cluster: cluster.mjs PORT WORKERS rr|none [SETUP]. SETUP is JSON: the application's file as `app`, options of
 * the http.Server as `server`, `keepAlive` if it is the client that decides how long a connection lives, and `tls` as options of
 * the https.Server. A worker that dies is replaced at once, as Node's documentation has it.
 */
import cluster from 'node:cluster';
import http from 'node:http';
import https from 'node:https';

const [port, workers, policy, setup = '{}'] = process.argv.slice(2);
const { app = 'hello.mjs', server = {}, keepAlive = false, tls } = JSON.parse(setup);
if (cluster.isPrimary) {
  cluster.schedulingPolicy = policy === 'rr' ? cluster.SCHED_RR : cluster.SCHED_NONE;
  for (let id = 0; id < Number(workers); id++) cluster.fork();
  cluster.on('exit', () => cluster.fork());
} else {
  const { default: handler } = await import(new URL(app, import.meta.url));
  const closing = (request, response) => {
    response.setHeader('Connection', 'close');
    handler(request, response);
  };
  const { createServer } = tls ? https : http;
  createServer({ ...server, ...tls }, keepAlive ? handler : closing).listen({
    port: Number(port),
    host: '127.0.0.1',
    backlog: 2048,
  });
}

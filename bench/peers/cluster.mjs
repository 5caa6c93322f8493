/*
 * Node's cluster: cluster.mjs PORT WORKERS rr|none [SETUP]. SETUP is JSON: `app` is the application's file, `server`
 * has options of the http.Server, `keepAlive` is true if the client decides how long a connection lives, and `tls` has
 * options of the https.Server. A worker that dies is replaced at once, as in Node's documentation.
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

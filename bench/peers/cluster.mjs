/*
 * Node's cluster: cluster.mjs PORT WORKERS rr|none [SETUP]. SETUP is JSON: the application's file as `app`, options of
 * the http.Server as `server`, and `keepAlive` if it is the client that decides how long a connection lives.
 */
import cluster from 'node:cluster';
import http from 'node:http';

const [port, workers, policy, setup = '{}'] = process.argv.slice(2);
const { app = 'hello.mjs', server = {}, keepAlive = false } = JSON.parse(setup);
if (cluster.isPrimary) {
  cluster.schedulingPolicy = policy === 'rr' ? cluster.SCHED_RR : cluster.SCHED_NONE;
  for (let id = 0; id < Number(workers); id++) cluster.fork();
} else {
  const { default: handler } = await import(new URL(app, import.meta.url));
  const closing = (request, response) => {
    response.setHeader('Connection', 'close');
    handler(request, response);
  };
  http
    .createServer(server, keepAlive ? handler : closing)
    .listen({ port: Number(port), host: '127.0.0.1', backlog: 2048 });
}

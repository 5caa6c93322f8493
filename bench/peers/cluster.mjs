/* Node's cluster: cluster.mjs PORT WORKERS rr|none */
import cluster from 'node:cluster';
import http from 'node:http';
import hello from './hello.mjs';

const [port, workers, policy] = process.argv.slice(2);
if (cluster.isPrimary) {
  cluster.schedulingPolicy = policy === 'rr' ? cluster.SCHED_RR : cluster.SCHED_NONE;
  for (let id = 0; id < Number(workers); id++) cluster.fork();
} else {
  http
    .createServer((request, response) => {
      response.setHeader('Connection', 'close');
      hello(request, response);
    })
    .listen({ port: Number(port), host: '127.0.0.1', backlog: 2048 });
}

// A host that tells load balancers and Kubernetes, on a separate port, whether new requests are welcome.
import http from 'node:http';
import { Arbiter } from 'prefork';

const { HOST: host = '127.0.0.1', PORT = '8000', READINESS_PORT = '8001' } = process.env;
const { WORKER_CLASS = 'sync', DRAIN_DELAY = '5000' } = process.env;

const arbiter = new Arbiter({
  app: new URL('./app.mjs', import.meta.url),
  bind: { host, port: Number(PORT) },
  workerClass: WORKER_CLASS,
  // After TERM, it goes on serving for this long, since requests still come. By then, their sender must have looked here again.
  drainDelay: Number(DRAIN_DELAY),
  // After that, requests in flight have this long to end.
  gracefulTimeout: 20_000,
});

// The master answers, and serves nothing else. So it answers even while every worker is busy.
const readiness = http.createServer((request, response) => {
  const ready = arbiter.state === 'running' || arbiter.state === 'reloading';
  response.writeHead(ready || request.url === '/live' ? 200 : 503, { Connection: 'close' }).end(`${arbiter.state}\n`);
});
readiness.listen(Number(READINESS_PORT), host);
// It answers until the process ends, and does not keep the process alive.
readiness.unref();

await arbiter.run();

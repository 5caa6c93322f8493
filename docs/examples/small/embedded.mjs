// A service that does more than serve: it has a page for its operators, and its own signal handlers. The workers are a
// part of it, which it starts, watches, scales and stops.
import { createServer } from 'node:http';
import { Arbiter } from 'prefork';

const app = (request, response) => response.end(`hello from process ${process.pid}\n`);
const bind = process.env.BIND ?? '127.0.0.1:8000';
const arbiter = new Arbiter({ app, bind, workers: 2, signals: false });
arbiter.on('worker:exit', (worker, { reason }) => console.log(`worker ${worker.id} has ended: ${reason}`));

// Each worker runs this script up to here. What is below happens only once, in the master.
await arbiter.start();

const operators = createServer(async (request, response) => {
  if (request.url === '/more') await arbiter.scale(arbiter.stats().target + 1);
  response.end(`${arbiter.state}, ${arbiter.workers.length} workers\n`);
});
operators.listen(0, '127.0.0.1', () => console.log(`for operators: http://127.0.0.1:${operators.address().port}`));

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, async () => {
    await arbiter.stop();
    operators.close();
    console.log('all has been answered');
  });
}

// Server-sent events. Such a stream never ends by itself, so the application ends it when the worker drains.
// EventSource then connects again, to a worker that stays.
import { Arbiter, worker } from 'prefork';

function app(request, response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  const tick = () => response.write(`data: ${new Date().toISOString()}, from worker ${worker.id}\n\n`);
  tick();
  const clock = setInterval(tick, 1_000);
  const end = () => response.end('event: bye\ndata: come again\n\n');
  worker.signal.addEventListener('abort', end);
  response.on('close', () => {
    clearInterval(clock);
    worker.signal.removeEventListener('abort', end);
  });
  if (worker.signal.aborted) end();
}

// The class 'async' serves many clients at once in each worker: these clients wait, and nothing is computed for them.
await new Arbiter({ app, bind: process.env.BIND ?? '127.0.0.1:8000', workers: 2, workerClass: 'async' }).run();

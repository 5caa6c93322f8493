// sticky.mjs
import { Arbiter } from 'prefork';

// Each address has one worker, so that a proxy can send all requests of a client to the same one.
const arbiters = [8001, 8002].map((port) => {
  const bind = `127.0.0.1:${port}`;
  return new Arbiter({ name: `chat-${port}`, app: './polling.mjs', bind, workers: 1, workerClass: 'async' });
});

await Promise.all(arbiters.map((arbiter) => arbiter.run()));

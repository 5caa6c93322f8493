// Work for the CPU: how many primes are there up to N? The threads of one process share the answers.
import { availableParallelism } from 'node:os';
import { Arbiter, worker } from 'prefork';

const LARGEST = 1_000_000;
// The answer for each N; 0 means that it is not known yet. In the host, `worker` is undefined: it needs no answers.
const known = worker ? new Int32Array(await worker.shared('primes', 4 * (LARGEST + 1))) : undefined;

function app(request, response) {
  const n = Number(request.url.slice(1));
  if (!Number.isInteger(n) || n > LARGEST) return response.writeHead(400).end(`a number up to ${LARGEST}\n`);
  const found = Atomics.load(known, n);
  const count = found || primesUpTo(n);
  Atomics.store(known, n, count);
  response.end(`${count}, ${found ? 'known' : 'computed'} in thread ${worker.thread}\n`);
}

function primesUpTo(n) {
  let count = 0;
  for (let candidate = 2; candidate <= n; candidate++) {
    let divisor = 2;
    while (divisor * divisor <= candidate && candidate % divisor !== 0) divisor++;
    if (divisor * divisor > candidate) count++;
  }
  return count;
}

const threads = Math.max(2, availableParallelism());
const options = { workerClass: 'threaded', workers: 1, threads };
await new Arbiter({ app, bind: process.env.BIND ?? '127.0.0.1:8000', ...options }).run();

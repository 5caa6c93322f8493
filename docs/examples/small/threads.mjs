// Work for the CPU: how many primes are there up to N? One process whose threads have the answers in common.
import { availableParallelism } from 'node:os';
import { Arbiter, worker } from 'prefork';

const LARGEST = 1_000_000;
// The answer for each N; 0: nobody knows it yet. The host itself has no worker, and needs none.
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

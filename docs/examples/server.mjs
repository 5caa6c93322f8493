// A service with a pre-fork server inside. Run it with: npm run example
import { Arbiter } from 'prefork';

// A handler that works hard (it renders, converts, computes …), fails, or takes its whole process down.
function app(request, response) {
  if (request.url === '/die') process.kill(process.pid, 'SIGKILL'); // as the kernel does when memory runs out
  if (request.url === '/fail') throw new Error('this request fails, and no other');
  if (request.url === '/hang') while (true);
  const until = performance.now() + 5;
  while (performance.now() < until);
  response.end(`Hello from process ${process.pid}\n`);
}

// A request that hangs for 3 seconds is ended; the default is 30.
const arbiter = new Arbiter({ app, workers: 4, bind: process.env.BIND ?? '127.0.0.1:8000', timeout: 3_000 });

if (!Arbiter.isWorker) {
  // The log tells what else happens.
  arbiter.on('worker:ready', ({ id, pid }) => console.log(`worker #${id} (pid ${pid}) is ready`));
  arbiter.on('ready', () => {
    const [{ address, port }] = arbiter.addresses;
    const url = `http://${address}:${port}`;
    const [{ pid }] = arbiter.workers;
    const tries = [
      [`curl ${url}/`, 'one of the workers answers'],
      [`curl ${url}/fail`, '500, for this request alone'],
      [`curl ${url}/hang`, '504 after 3 seconds: the log says in which line, and the worker is replaced'],
      [`curl ${url}/die`, 'takes its worker down: the log names the request'],
      [`kill -9 ${pid}`, 'a worker dies, another takes its place'],
      [`kill -HUP ${process.pid}`, 'a deploy: new workers, one after the other, and nobody notices'],
      [`kill -TTIN ${process.pid}`, 'one worker more (-TTOU: one less)'],
      [`kill -TERM ${process.pid}`, 'graceful stop (Ctrl-C: quick stop)'],
    ];
    console.log(`\nServing on ${url}, the master is ${process.pid}. Try in another terminal:\n`);
    for (const [command, what] of tries) console.log(`  ${command.padEnd(url.length + 12)}${what}`);
    console.log();
  });
}

await arbiter.run();

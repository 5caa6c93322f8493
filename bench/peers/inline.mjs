/*
 * An inline host: inline.mjs WORKERS. The variable PREFORK_BUILD names the build that it imports. When all workers
 * serve, it prints the memory of one worker (PSS in megabytes, the mean of all), and stops.
 */
import { pss } from '../harness/proc.mjs';

const { Arbiter } = await import(process.env.PREFORK_BUILD);
const arbiter = new Arbiter({
  app: (_request, response) => response.end('hello'),
  workers: Number(process.argv[2]),
  bind: '127.0.0.1:0',
  logger: false,
});
await arbiter.start();
if (!Arbiter.isWorker) {
  const bytes = arbiter.workers.reduce((sum, { pid }) => sum + pss(pid), 0);
  console.log(bytes / arbiter.workers.length / 2 ** 20);
  await arbiter.stop();
}

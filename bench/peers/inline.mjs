/* An inline host of a build, PREFORK_BUILD: inline.mjs WORKERS. When all serve, it writes the megabytes (PSS) of one worker, and stops. */
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

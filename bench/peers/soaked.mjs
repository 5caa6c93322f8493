/* Host of the soak test: soaked.mjs PORT WORKERS. It reports events and, if asked, its memory after a GC, over IPC. */
import { Arbiter } from 'prefork';

const [port, workers] = process.argv.slice(2).map(Number);
const arbiter = new Arbiter({
  app: new URL('./hello.mjs', import.meta.url),
  bind: { port, host: '127.0.0.1' },
  workers,
  execArgv: [],
  logger: false,
});
const send = (event, ...args) => process.send?.({ event, args });
for (const event of ['ready', 'worker:ready', 'worker:exit']) arbiter.on(event, (...args) => send(event, ...args));
process.on('message', () => {
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  send('memory', { rss, heapUsed });
});
arbiter.on('stopped', () => process.disconnect());
await arbiter.run();

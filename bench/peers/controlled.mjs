/* Host of the control's benchmark: controlled.mjs WORKERS SOCKET. It tells over IPC when its workers serve. */
import { Arbiter } from 'prefork';

const [workers, socketPath] = process.argv.slice(2);
const arbiter = new Arbiter({
  app: new URL('./hello.mjs', import.meta.url),
  workers: Number(workers),
  bind: '127.0.0.1:0',
  control: `unix:${socketPath}`,
  logger: false,
});
arbiter.on('ready', () => process.send('ready'));
await arbiter.run();
process.disconnect();

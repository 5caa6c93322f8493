/* A host that prints `ready` when all its workers are ready: boots.mjs APP WORKERS. */
import { Arbiter } from 'prefork';

const [app, workers] = process.argv.slice(2);
const arbiter = new Arbiter({ app, workers: Number(workers), bind: '127.0.0.1:0', logger: false });
arbiter.on('ready', () => console.log('ready'));
await arbiter.run();

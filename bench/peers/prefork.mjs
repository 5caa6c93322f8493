/* This library: prefork.mjs PORT WORKERS */
import { Arbiter } from 'prefork';

const [port, workers] = process.argv.slice(2).map(Number);
await new Arbiter({ app: new URL('./hello.mjs', import.meta.url), bind: { port, host: '127.0.0.1' }, workers }).run();

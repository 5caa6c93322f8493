// server.ts
import { Arbiter } from 'prefork';

const { PREFORK_BIND: bind = '127.0.0.1:8000', PREFORK_WORKERS: workers = 2 } = process.env;
const workerClass = (process.env.PREFORK_WORKER_CLASS ?? 'sync') as 'sync' | 'threaded' | 'async';

const arbiter = new Arbiter({ app: './shop.ts', bind, workers: Number(workers), workerClass });
await arbiter.run();

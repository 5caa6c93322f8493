// The smallest server: as many worker processes as there are cores, and one request at a time in each.
import { Arbiter } from 'prefork';

const app = (request, response) => response.end(`hello from process ${process.pid}\n`);

await new Arbiter({ app, bind: process.env.BIND ?? '127.0.0.1:8000' }).run();

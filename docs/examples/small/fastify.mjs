// A Fastify application. A worker is ready when the plugins are ready. The onClose hooks run when it has drained.
import fastify from 'fastify';
import { Arbiter } from 'prefork';

const app = fastify();
app.get('/hello/:name', async (request) => ({ hello: request.params.name }));
app.addHook('onClose', async () => console.log(`process ${process.pid} has closed its database`));

await new Arbiter({ app, bind: process.env.BIND ?? '127.0.0.1:8000', workers: 2 }).run();

// An Express application. The last line takes the place of `app.listen(8000)`.
import express from 'express';
import { Arbiter } from 'prefork';

const app = express();
app.get('/hello/:name', (request, response) => response.json({ hello: request.params.name }));

await new Arbiter({ app, bind: process.env.BIND ?? '127.0.0.1:8000', workers: 2 }).run();

/* The smallest server for the application, one process: bare-http.mjs PORT. It prints `ready` when it listens. */
import { writeSync } from 'node:fs';
import http from 'node:http';
import hello from './hello.mjs';

const server = http.createServer((request, response) => {
  response.setHeader('Connection', 'close');
  hello(request, response);
});
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => writeSync(1, 'ready\n'));

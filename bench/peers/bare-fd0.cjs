/*
 * The technique without the library, to see what it costs: bare-fd0.cjs PORT WORKERS
 * The master binds. Each worker has the socket as fd 0, and listens on it only while the worker is free. There is
 * nothing else: no replacement of workers, no scoreboard, no handling of errors. The settings of the sockets and of the
 * server are those of the library.
 */
const { spawn } = require('node:child_process');
const http = require('node:http');
const net = require('node:net');

const [port, workers] = process.argv.slice(2).map(Number);
if (process.send) work();
else master();

function master() {
  const { fd } = net._createServerHandle('127.0.0.1', port, 4);
  const args = ['-c', 'exec "$0" "$@" <&4 4<&-', process.execPath, __filename];
  for (let id = 0; id < workers; id++) spawn('/bin/sh', args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc', fd] });
}

async function work() {
  process.on('disconnect', () => process.exit());
  const { default: hello } = await import('./hello.mjs');
  const server = http.createServer((request, response) => {
    response.setHeader('Connection', 'close');
    hello(request, response);
  });
  server.maxRequestsPerSocket = 1;
  server.emit('listening');
  const acceptor = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    acceptor.close();
    socket.on('close', listen);
    server.emit('connection', socket);
  });
  const listen = () => acceptor.listen({ fd: 0, backlog: 2048 });
  listen();
}

// polling.mjs
import { createServer } from 'node:http';
import { worker } from 'prefork';
import { Server } from 'socket.io';

const server = createServer((_request, response) => response.end('chat\n'));
const io = new Server(server);

io.on('connection', (socket) => {
  socket.on('say', (text, answer) => answer(`process ${process.pid} heard ${text}`));
});

// A poll is held for up to 25 seconds, and the drain would wait for it. So all clients are told, and connect again.
worker?.signal.addEventListener('abort', () => io.engine.close());

export default server;

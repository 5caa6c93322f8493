// chat.mjs
import { createServer } from 'node:http';
import { worker } from 'prefork';
import { Server } from 'socket.io';

const server = createServer((_request, response) => response.end('chat\n'));
const io = new Server(server, { transports: ['websocket'] });

io.on('connection', (socket) => {
  socket.on('say', (text, answer) => answer(`worker ${worker.id} heard ${text}`));
});

export default server;

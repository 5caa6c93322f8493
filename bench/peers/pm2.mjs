/*
 * What PM2 runs in its cluster mode: pm2.mjs PORT SOCKET. It follows PM2's documentation for a reload without downtime:
 * it tells PM2 when it listens; on SIGINT, it accepts no further connection, and ends when it has answered.
 */
import http from 'node:http';
import handler from './deployed.mjs';

// PM2 may put arguments of its own in front of these.
const [port, socketPath] = process.argv.slice(-2);
const servers = [{ port: Number(port), host: '127.0.0.1' }, { path: socketPath }].map((address) =>
  http.createServer(handler).listen({ ...address, backlog: 2048 }),
);
const each = (act) => Promise.all(servers.map((server) => new Promise((resolve) => act(server, resolve))));

process.on('SIGINT', async () => {
  await each((server, resolve) => server.close(resolve));
  process.exit();
});
await each((server, resolve) => server.once('listening', resolve));
process.send('ready');

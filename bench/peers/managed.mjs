/*
 * What PM2 runs in its cluster mode when it only serves (pm2.mjs also reloads): see served.mjs. It tells PM2 when it
 * listens, and ends on SIGINT.
 */
import { create, port } from './served.mjs';

const server = await create();
server.listen({ port, host: '127.0.0.1', backlog: 2048 }, () => process.send('ready'));
process.on('SIGINT', () => process.exit());

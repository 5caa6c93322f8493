/* What PM2 runs in its cluster mode where it only serves: see served.mjs. It says when it listens, and ends on SIGINT. */
import { create, port } from './served.mjs';

const server = await create();
server.listen({ port, host: '127.0.0.1', backlog: 2048 }, () => process.send('ready'));
process.on('SIGINT', () => process.exit());

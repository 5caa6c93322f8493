/* socket.io over WebSockets alone: a client comes back by itself when its worker has been replaced. Behind a proxy, with polling: socketio-sticky.test.ts. */
import assert from 'node:assert/strict';
import { io, type Socket } from 'socket.io-client';
import type { Application } from '../helpers/applications.js';
import { DEADLINE, eventually } from '../helpers/wait.js';

let client: Socket | undefined;
let comings = 0;

/** The client may come to the other old worker once, before that one is replaced too. */
const MOST_COMINGS = 3;

const say = (socket: Socket, text: string): Promise<string> => socket.timeout(DEADLINE).emitWithAck('say', text);

const application: Application = {
  start: 'npx prefork chat.mjs --worker-class async',
  classes: ['async'],
  leftOut: 'WebSockets are for `async`',
  node: [20, 19],
  told: { as: 'socket.io', packages: ['socket.io'] },
  requests: [{ path: '/', answer: /^chat$/m }],
  async further({ t, address, isReloaded }) {
    if (!isReloaded) {
      comings = 0;
      client = io(address, { transports: ['websocket'], forceNew: true, reconnectionDelay: 50 });
      client.on('connect', () => comings++);
      t.after(() => client?.close());
    }
    assert.ok(client);
    const socket = client;
    const goal = isReloaded ? 2 : 1;
    await eventually(() => comings >= goal && socket.connected, `the client to come ${goal} times`);
    assert.match(await say(socket, 'hello'), /^worker [12] heard hello$/);
    assert.ok(comings <= (isReloaded ? MOST_COMINGS : 1), `it came ${comings} times`);
    if (isReloaded) socket.close();
  },
  shown: ['chat.mjs', 'sticky.mjs', 'polling.mjs', 'haproxy.cfg'],
};
export default application;

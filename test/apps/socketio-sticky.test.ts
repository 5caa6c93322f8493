/*
 * socket.io with long polling behind a real HAProxy, whose cookie brings each client to its worker. The host and the
 * configuration are those that the guide shows; only the ports differ.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { io, type Socket } from 'socket.io-client';
import { APPS } from '../helpers/applications.js';
import { get } from '../helpers/http.js';
import { installed } from '../helpers/installed.js';
import { freePort } from '../helpers/place.js';
import { Program } from '../helpers/program.js';
import { DEADLINE, eventually } from '../helpers/wait.js';
import socketio from './socketio.js';

const skip = spawnSync('haproxy', ['-v']).error !== undefined && 'haproxy is not installed';
const FILES = ['sticky.mjs', 'haproxy.cfg'];
const CLIENTS = 4;

test('haproxy finds no fault with the example', { skip }, () => {
  const { status, stderr } = spawnSync('haproxy', ['-c', '-f', join(APPS, 'socketio/haproxy.cfg')], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /WARNING|ALERT/);
});

interface Client {
  readonly socket: Socket;
  /** What went wrong when it connected. */
  readonly errors: string[];
  comings: number;
}

/** Which process answers. */
async function heardBy({ socket }: Client): Promise<string> {
  const answer: string = await socket.timeout(DEADLINE).emitWithAck('say', 'hello');
  return (/^process (\d+) heard hello$/.exec(answer) ?? [])[1] ?? assert.fail(answer);
}

const undo: (() => unknown)[] = [];
let installation = '';
before(() => {
  if (!skip) installation = installed({ after: (act) => undo.push(act as () => unknown) }, 'socketio', socketio);
});
after(() => {
  for (const act of undo) act();
});

for (const transports of [['polling'], ['polling', 'websocket']]) {
  test(`clients of socket.io with ${transports.join(', then ')} stay with their worker`, { skip }, async (t) => {
    const [front, a, b] = [await freePort(t), await freePort(t), await freePort(t)];
    for (const file of FILES) {
      const text = readFileSync(join(APPS, 'socketio', file), 'utf8');
      const own = text.replace(':8080', `:${front}`).replaceAll('8001', String(a)).replaceAll('8002', String(b));
      writeFileSync(join(installation, file), own);
    }
    const host = new Program(t, process.execPath, ['sticky.mjs'], { cwd: installation });
    await eventually(
      () => host.output.match(/"msg":"ready: /g)?.length === 2,
      () => `two workers\n${host.output}`,
    );
    const proxy = new Program(t, 'haproxy', ['-db', '-f', join(installation, 'haproxy.cfg')]);
    const url = `http://127.0.0.1:${front}`;
    const serves = (): Promise<boolean> =>
      get(url).then(
        ({ status }) => status === 200,
        () => false,
      );
    await eventually(serves, () => `the proxy\n${proxy.output}`);

    const clients = Array.from({ length: CLIENTS }, (): Client => {
      // A browser keeps cookies by itself.
      const socket = io(url, { transports, forceNew: true, withCredentials: true, reconnectionDelay: 50 });
      const client: Client = { socket, errors: [], comings: 0 };
      socket.on('connect', () => client.comings++);
      socket.on('connect_error', (error) => client.errors.push(error.message));
      t.after(() => socket.close());
      return client;
    });
    const all = async (comings: number): Promise<void> => {
      const came = (client: Client): boolean => client.socket.connected && client.comings >= comings;
      const told = (): string => clients.map(({ errors, comings }) => `${comings} ${errors}`).join('\n');
      await eventually(
        () => clients.every(came),
        () => `${comings} comings of all clients\n${told()}\n${host.output}`,
      );
    };
    await all(1);
    const workers = new Set<string>();
    for (const client of clients) {
      const first = await heardBy(client);
      workers.add(first);
      for (let count = 0; count < 5; count++) assert.equal(await heardBy(client), first);
      // A client that comes to a wrong worker gets an error: Session ID unknown.
      assert.deepEqual([client.errors, client.comings], [[], 1]);
    }
    assert.equal(workers.size, 2, 'all clients are at one worker');
    if (transports.includes('websocket')) {
      const upgraded = (): boolean => clients.every(({ socket }) => socket.io.engine.transport.name === 'websocket');
      await eventually(upgraded, 'WebSockets');
    }

    host.child.kill('SIGHUP');
    await eventually(
      () => host.output.match(/"msg":"reloaded: /g)?.length === 2,
      () => `two reloads\n${host.output}`,
    );
    await all(2);
    for (const client of clients) assert.ok(!workers.has(await heardBy(client)), 'an old worker');

    for (const { socket } of clients) socket.close();
    host.child.kill('SIGTERM');
    assert.deepEqual(await host.exited(), { code: 0, signal: null }, host.output);
    assert.doesNotMatch(host.output, /"level":"(?:warn|error)"/);
  });
}

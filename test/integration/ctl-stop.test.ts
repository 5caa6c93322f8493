import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createFront, type Socket } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { ctl, type Outcome } from '../helpers/ctl.js';
import { temporaryFolder } from '../helpers/place.js';
import { inTime } from '../helpers/wait.js';

/*
 * `prefork ctl stop` against masters that the test makes. The port stays the same, and what answers there changes at a
 * given moment.
 */

/** The process that answers at the port: its server gets each connection. Undefined: each connection is cut. */
type Process = Server | undefined;

async function open(t: TestContext): Promise<{ port: number; serve: (next: Process) => void; cut: () => void }> {
  let process: Process;
  const sockets = new Set<Socket>();
  const front = createFront((socket) => {
    if (!process) return void socket.destroy();
    sockets.add(socket);
    process.emit('connection', socket);
  });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  await new Promise<void>((resolve) => void front.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    cut();
    front.close();
  });
  return { port: (front.address() as AddressInfo).port, serve: (next) => (process = next), cut };
}

/** A process that answers as the control does. `onLook` is called after each answer to `/livez`, with its number. */
function master(pid: number, state: () => string, onLook: (count: number) => void): Server {
  let looks = 0;
  const answer: RequestListener = ({ method }, response) => {
    const body = method === 'POST' ? { stopping: true } : { live: true, state: state(), pid };
    response.writeHead(method === 'POST' ? 202 : 200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(body), () => method === 'GET' && onLook(++looks));
  };
  return createServer(answer);
}

function stop(t: TestContext, port: number): Promise<Outcome> {
  const file = join(temporaryFolder(t), 'token');
  writeFileSync(file, 'correct-horse-battery');
  return inTime(ctl(['stop', '--control', `http://127.0.0.1:${port}`, '--token-file', file]), 'the stop');
}

const refuses = createServer((_, response) => {
  response.writeHead(401, { 'Content-Type': 'application/json' });
  response.end('{"error":{"message":"the token is missing or wrong"}}');
});
const SUCCESSORS: Readonly<Record<string, Process>> = {
  'has another token': refuses,
  'has the same pid, in another container': master(
    7,
    () => 'running',
    () => undefined,
  ),
  'has another pid': master(
    8,
    () => 'stopping',
    () => undefined,
  ),
  'is none of ours': createServer((_, response) =>
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('<'),
  ),
  'is nobody': undefined,
};
for (const [what, successor] of Object.entries(SUCCESSORS)) {
  test(`ctl stop: the master has stopped, and who answers then ${what}`, async (t) => {
    const { port, serve, cut } = await open(t);
    const first = master(
      7,
      () => 'stopping',
      (looks) => {
        // The first look comes before the order.
        if (looks < 3) return;
        serve(successor);
        cut();
      },
    );
    serve(first);
    assert.deepEqual(await stop(t, port), { code: 0, out: 'stopped: pid 7\n', err: '' });
  });
}

test('ctl stop: a master that takes no more connections has not stopped', async (t) => {
  const { port, serve, cut } = await open(t);
  let seen = 0;
  const full = master(
    7,
    () => 'stopping',
    (looks) => {
      seen = looks;
      serve(undefined);
      if (looks === 5) cut();
    },
  );
  serve(full);
  assert.deepEqual(await stop(t, port), { code: 0, out: 'stopped: pid 7\n', err: '' });
  assert.equal(seen, 5);
});

test('ctl stop: a master that has cut the connection, and goes on stopping, is waited for', async (t) => {
  const { port, serve, cut } = await open(t);
  let seen = 0;
  const slow = master(
    7,
    () => 'stopping',
    (looks) => {
      seen = looks;
      if (looks === 5) serve(undefined);
      if (looks > 1) cut();
    },
  );
  serve(slow);
  assert.deepEqual(await stop(t, port), { code: 0, out: 'stopped: pid 7\n', err: '' });
  assert.equal(seen, 5);
});

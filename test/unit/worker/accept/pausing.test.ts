import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import test, { type TestContext } from 'node:test';
import { createPausing } from '../../../../build/worker/accept/pausing.js';
import { portOf } from '../../../helpers/place.js';

async function listen(t: TestContext): Promise<Server> {
  const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  return server;
}

/** A server whose handle returns these answers, and notes the calls. */
function pretend(t: TestContext, ...answers: number[]): { server: Server; calls: string[] } {
  const server = createServer();
  const calls: string[] = [];
  const call = (name: string) => (): number => {
    calls.push(name);
    return name === 'start' ? (answers.shift() ?? 0) : 0;
  };
  Object.assign(server, { _handle: { readStart: call('start'), readStop: call('stop') } });
  t.after(() => Object.assign(server, { _handle: null }));
  return { server, calls };
}

test('a server that does not listen is not pausable', () => {
  assert.equal(createPausing(createServer()), undefined);
});

test('a server that has bound its socket itself is not pausable, and goes on', async (t) => {
  const server = await listen(t);
  assert.equal(createPausing(server), undefined);
  const client = connect(portOf(server), '127.0.0.1').setEncoding('utf8');
  assert.deepEqual(await once(client, 'data'), ['hello']);
  client.destroy();
});

test('a handle without the methods of a stream is not pausable', (t) => {
  const { server } = pretend(t);
  for (const handle of [{}, { readStart: () => 0 }, { readStop: () => 0 }]) {
    Object.assign(server, { _handle: handle });
    assert.equal(createPausing(server), undefined);
  }
});

test('repeated calls reach the handle once', (t) => {
  const { server, calls } = pretend(t);
  const pausing = createPausing(server);
  pausing?.resume();
  assert.deepEqual(calls, ['start']);
  pausing?.pause();
  pausing?.pause();
  pausing?.resume();
  pausing?.resume();
  assert.deepEqual(calls, ['start', 'stop', 'start']);
});

test('calls after the close do nothing', (t) => {
  const { server, calls } = pretend(t);
  const pausing = createPausing(server);
  pausing?.pause();
  Object.assign(server, { _handle: null });
  pausing?.resume();
  pausing?.pause();
  assert.deepEqual(calls, ['start', 'stop']);
});

test('a resume that fails is an error event of the server', async (t) => {
  const { server } = pretend(t, 0, -9);
  const pausing = createPausing(server);
  pausing?.pause();
  const error = once(server, 'error');
  pausing?.resume();
  const [{ code, message }] = (await error) as [NodeJS.ErrnoException];
  assert.deepEqual([code, message], ['EBADF', 'cannot accept again: EBADF']);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { Control } from '../../../../build/master/workers/control.js';
import { encodeMessage, type WorkerMessage } from '../../../../build/protocol/messages.js';
import { FD } from '../../../../build/protocol/spec.js';
import { spawnChild } from '../../../../build/system/child.js';
import { inTime } from '../../../helpers/wait.js';

const LAST: WorkerMessage = { type: 'timeout', clock: 'request', elapsed: 1, answered: true, hung: 'native' };
/** A worker that says LAST, and then kills itself. */
const DIES = `
  require('fs').writeSync(${FD.CONTROL}, ${JSON.stringify(encodeMessage(LAST))});
  process.kill(process.pid, 'SIGKILL');
`;

test('last words are heard, though the worker has gone before an order that comes first', async () => {
  const child = spawnChild(process.execPath, ['-e', DIES], { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
  const control = new Control(child);
  const heard: WorkerMessage[] = [];
  control.listen((message) => heard.push(message), assert.fail);
  const closed = once(child, 'close');
  // The control reads by now. It hears nothing of the death before it writes, since this process stands still until
  // then.
  await new Promise(setImmediate);
  const still = new Int32Array(new SharedArrayBuffer(4));
  let said = true;
  for (let count = 0; count < 1_000 && said; count++) {
    Atomics.wait(still, 0, 0, 10);
    said = control.order('drain');
  }
  assert.equal(said, false);
  await inTime(closed, 'the end of the child');
  assert.deepEqual(heard, [LAST]);
});

/** A worker that says two lines. The test makes the reading of the first one fail. */
const STUMBLES = `
  require('fs').writeSync(${FD.CONTROL}, ${JSON.stringify(`a trap\n${encodeMessage(LAST)}`)});
`;

test('a line over which the reading of it fails is noise, and the next one is heard', async (t) => {
  const { parse } = JSON;
  const trap = new Proxy(
    {},
    {
      get: () => {
        throw new TypeError('a fault in what reads');
      },
    },
  );
  t.mock.method(JSON, 'parse', (text: string) => (text === 'a trap' ? trap : parse(text)));
  const child = spawnChild(process.execPath, ['-e', STUMBLES], { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
  const [heard, noise]: [WorkerMessage[], string[]] = [[], []];
  const closed = once(child, 'close');
  new Control(child).listen(
    (message) => heard.push(message),
    (line) => noise.push(line),
  );
  await inTime(closed, 'the end of the child');
  assert.deepEqual([heard, noise], [[LAST], ['a trap']]);
});

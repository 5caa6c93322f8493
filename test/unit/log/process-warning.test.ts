import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import vm from 'node:vm';
import { emitWarning } from '../../../build/log/process-warning.js';

test('an error of another context, as in a file of tests of Jest, is a warning like any other', async (t) => {
  // Then it is left to Node, and Node takes no Error but its own.
  process.env['NODE_REDIRECT_WARNINGS'] = 'a file';
  t.after(() => delete process.env['NODE_REDIRECT_WARNINGS']);
  const warned = once(process, 'warning');
  emitWarning(vm.runInNewContext("Object.assign(new TypeError('something'), { code: 'ERR_SYSTEM' })"));
  const [{ name, message, code }] = await warned;
  assert.deepEqual([name, message, code], ['TypeError', 'something', 'ERR_SYSTEM']);
});

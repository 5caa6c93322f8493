import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import vm from 'node:vm';
import { emitWarning } from '../../../build/log/process-warning.js';

test('an error of another context, as in a file of tests of Jest, is a warning like any other', async (t) => {
  // With this variable the warning is left to Node, and Node takes only errors of its own context.
  process.env['NODE_REDIRECT_WARNINGS'] = 'a file';
  t.after(() => delete process.env['NODE_REDIRECT_WARNINGS']);
  const warned = once(process, 'warning');
  emitWarning(vm.runInNewContext("Object.assign(new TypeError('something'), { code: 'ERR_SYSTEM' })"));
  const [{ name, message, code }] = await warned;
  assert.deepEqual([name, message, code], ['TypeError', 'something', 'ERR_SYSTEM']);
});

test('--trace-warnings has its stack, and else nothing has', () => {
  const module = new URL('../../../build/log/process-warning.js', import.meta.url);
  const script = `const { emitWarning } = await import(${JSON.stringify(module)}); emitWarning(new RangeError('something'));`;
  for (const [flags, lines] of [
    [[], /^\(node:\d+\) RangeError: something\n$/],
    [['--trace-warnings'], /^\(node:\d+\) RangeError: something\n {4}at .*\n/],
  ] as const) {
    const { stderr } = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: {},
    });
    assert.match(stderr, lines);
  }
});

import assert from 'node:assert/strict';
import type { Debugger } from 'node:inspector';
import test from 'node:test';
import { formatFrames, isUncertain } from '../../../../build/worker/watchdog/trace.js';

/** A call in a script that the inspector has listed by the URL, or has not listed. */
function call(functionName: string, scriptId: string, url = ''): Debugger.CallFrame {
  return { functionName, url, location: { scriptId, lineNumber: 6, columnNumber: 4 } } as Debugger.CallFrame;
}

const SCRIPTS = new Map([
  ['1', 'file:///srv/app.js'],
  ['2', 'node:events'],
  ['3', ''],
]);

test('a call has the URL of its script, and those of Node below the application are left out', () => {
  const stack = formatFrames([call('work', '1'), call('emit', '2'), call('work', '1'), call('emit', '2')], SCRIPTS);
  const [first, ...more] = stack.split('\n');
  assert.equal(first, '    at work (/srv/app.js:7:5)');
  assert.deepEqual(more, ['    at emit (node:events:7:5)', '    at work (/srv/app.js:7:5)']);
});

test('a script that is not listed is one of Node', () => {
  const nodes = formatFrames([call('get', '9'), call('', '9')], SCRIPTS);
  assert.equal(nodes, '    at get (node:internal:7:5)\n    at node:internal:7:5');
  assert.ok(isUncertain(nodes));
  assert.equal(formatFrames([call('work', '1'), call('afterWrite', '9')], SCRIPTS), '    at work (/srv/app.js:7:5)');
});

test('a script without a URL, which is listed, is one of the application', () => {
  const evaluated = formatFrames([call('run', '3'), call('emit', '2')], SCRIPTS);
  assert.equal(evaluated, '    at run (<anonymous>:7:5)');
  assert.ok(!isUncertain(evaluated));
});

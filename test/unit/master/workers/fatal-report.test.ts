import assert from 'node:assert/strict';
import { fstatSync, readdirSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import test from 'node:test';
import fc from 'fast-check';
import { openFatalReport, parseFatalReport } from '../../../../build/master/workers/fatal-report.js';

const OUT_OF_HEAP = 'Allocation failed - JavaScript heap out of memory';

/** A report as Node writes it, shortened. */
const report = (trigger: string, event: string, stack: object, space?: number): string =>
  JSON.stringify(
    {
      header: { reportVersion: 3, event, trigger, filename: '/dev/fd/6', commandLine: ['"memoryLimit": 7'] },
      javascriptStack: stack,
      javascriptHeap: { totalMemory: 103260160, memoryLimit: 117440512, heapSpaces: { new_space: { used: 0 } } },
      nativeStack: [{ pc: '0xb78db3', symbol: 'node::OOMErrorHandler(char const*) [node]' }],
    },
    undefined,
    space,
  );
const NO_STACK = { message: 'No stack.', stack: ['Unavailable.'], errorProperties: {} };

for (const [form, space] of [
  ['compact', undefined],
  ['indented', 2],
] as const) {
  test(`out of memory, ${form}`, () => {
    const message = `worker #3 ran out of memory: ${OUT_OF_HEAP} (heap limit: 112 MB)`;
    assert.deepEqual(parseFatalReport(report('OOMError', OUT_OF_HEAP, NO_STACK, space), 3), {
      name: 'Error',
      message,
      code: 'ERR_WORKER_OUT_OF_MEMORY',
      stack: `Error: ${message}`,
    });
  });

  test(`another fatal error, with the stack that there is, ${form}`, () => {
    const stack = { message: 'Error: x', stack: ['at a (a.js:1:2)', 'at b "}" (b.js:3:4)'] };
    const message = 'worker #1 ended by a fatal error: v8::FromJust "Maybe" value is Nothing';
    assert.deepEqual(parseFatalReport(report('FatalError', 'v8::FromJust "Maybe" value is Nothing', stack, space), 1), {
      name: 'Error',
      message,
      code: 'ERR_WORKER_FATAL',
      stack: `Error: ${message}\n    at a (a.js:1:2)\n    at b "}" (b.js:3:4)`,
    });
  });
}

test('a report that breaks off says what it can', () => {
  const whole = report('OOMError', OUT_OF_HEAP, NO_STACK);
  const cut = (at: string): string | undefined => parseFatalReport(whole.slice(0, whole.indexOf(at)), 1)?.message;
  assert.equal(cut('"nativeStack"'), `worker #1 ran out of memory: ${OUT_OF_HEAP} (heap limit: 112 MB)`);
  assert.equal(cut('"javascriptStack"'), `worker #1 ran out of memory: ${OUT_OF_HEAP}`);
  assert.equal(cut('"trigger"'), undefined);
  const fatal = report('FatalError', 'it', NO_STACK);
  assert.match(parseFatalReport(fatal.slice(0, fatal.indexOf('"javascriptHeap"') - 5), 1)?.stack ?? '', /error: it$/);
});

test('what ended nothing is no error', () => {
  for (const trigger of ['JavaScript API', 'Signal', 'Exception', '']) {
    assert.equal(parseFatalReport(report(trigger, 'JavaScript API', NO_STACK), 1), undefined);
  }
});

test('anything is read without an exception', () => {
  const pieces = [
    '"trigger": "OOMError"',
    '"trigger": "FatalError"',
    '"event": "it"',
    '"event": "\\x"',
    '"memoryLimit": 07',
  ];
  const marks = [
    '"',
    '\\',
    '{',
    ',',
    '"javascriptStack": ',
    '{"stack": 7}',
    '{"stack": [7]}',
    'null',
    '"javascriptHeap"',
  ];
  const piece = fc.constantFrom(...pieces, ...marks);
  const text = fc.array(fc.oneof(piece, fc.string())).map((all) => all.join(''));
  fc.assert(
    fc.property(text, (head) => void parseFatalReport(head, 1)),
    { numRuns: 5_000, examples: [['"event": "\\x"'], ['"event": "it" "trigger": "OOMError" "memoryLimit": 07']] },
  );
});

test('the file has no name, and is closed when it has been read', () => {
  const names = (): string[] => ['/dev/shm', tmpdir()].flatMap((folder) => namesIn(folder));
  const mine = `prefork-${process.pid}-`;
  const file = openFatalReport();
  assert.deepEqual(
    names().filter((name) => name.startsWith(mine)),
    [],
  );
  writeSync(file.fd as number, report('OOMError', OUT_OF_HEAP, NO_STACK));
  const words = file.take(1);
  assert.deepEqual([words?.error.code, words?.threadId], ['ERR_WORKER_OUT_OF_MEMORY', 0]);
  assert.throws(() => fstatSync(file.fd as number), { code: 'EBADF' });
  assert.equal(openFatalReport().take(1), undefined);
});

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

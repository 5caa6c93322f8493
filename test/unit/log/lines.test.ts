import assert from 'node:assert/strict';
import { Console } from 'node:console';
import { PassThrough } from 'node:stream';
import test from 'node:test';
import vm from 'node:vm';
import fc from 'fast-check';
import pino from 'pino';
import { ArbiterError } from '../../../build/errors.js';
import { humanLines, humanText, jsonLine, type LogEntry } from '../../../build/log/lines.js';
import { builtIn, openSink } from '../../../build/log/sink.js';
import { errorLines, errorTitle, stackLines } from '../../../build/log/stack.js';
import { duration, printable, quoted } from '../../../build/log/text.js';
import type { LogFields, Logger, LogLevel } from '../../../build/options/logger.js';

const TIME = new Date('2026-01-02T03:04:05.678Z');
const entry = (fields: object = {}, level: LogLevel = 'info'): LogEntry => ({
  level,
  message: 'it happened',
  fields: { event: 'ready', ...fields },
});

/** An error as it comes from a worker: with a stack of somebody else's program. */
function failed(message: string, frames: readonly string[], options?: ErrorOptions): Error {
  const error = new TypeError(message, options);
  error.stack = [`TypeError: ${message}`, ...frames].join('\n');
  return error;
}
const FRAMES = ['    at render (file:///srv/app.js:12:7)', '    at file:///srv/app.js:3:1'];

test('a line for humans has the time, the level, the name, the message', () => {
  assert.equal(humanLines(entry(), 'web', TIME), '2026-01-02T03:04:05.678Z INFO  [web] it happened');
  assert.equal(humanLines(entry({}, 'error'), 'web', TIME), '2026-01-02T03:04:05.678Z ERROR [web] it happened');
});

test('a stack is below the message, indented', () => {
  const stack = 'render (file:///srv/app.js:12:7)\n  file:///srv/app.js:3:1\n';
  assert.equal(
    humanText(entry({ stack }), 'web'),
    '[web] it happened\n    render (file:///srv/app.js:12:7)\n    file:///srv/app.js:3:1',
  );
});

test('an error is its frames, and its causes with theirs', () => {
  const inner = failed('inner', ['    at query (file:///srv/db.js:1:1)']);
  const err = failed('outer', FRAMES, { cause: inner });
  assert.equal(errorTitle(err), 'TypeError: outer');
  assert.deepEqual(errorLines(err), [
    ...FRAMES,
    '    caused by: TypeError: inner',
    '    at query (file:///srv/db.js:1:1)',
  ]);
  assert.deepEqual(humanText(entry({ err }), 'web').split('\n'), ['[web] it happened', ...errorLines(err)]);
});

test("of the library's own errors, only the cause has frames", () => {
  const error = new ArbiterError('ERR_APP_LOAD', 'worker #1: no', { cause: failed('inner', FRAMES) });
  assert.equal(errorTitle(error), 'worker #1: no (ERR_APP_LOAD)');
  assert.deepEqual(errorLines(error), ['    caused by: TypeError: inner', ...FRAMES]);
});

test('the title of an error is one line; the rest of its message is below', () => {
  const error = failed('first\nsecond', FRAMES);
  assert.equal(errorTitle(error), 'TypeError: first');
  assert.deepEqual(errorLines(error), ['    second', ...FRAMES]);
});

test('what a stack begins with, if not with the title, is kept', () => {
  const error = new SyntaxError('Unexpected token');
  error.stack = 'file:///srv/app.js:3\nlet let\n    ^^^\n\nSyntaxError: Unexpected token\n    at load (node:internal)';
  assert.deepEqual(errorLines(error), [
    '    file:///srv/app.js:3',
    '    let let',
    '    ^^^',
    '    SyntaxError: Unexpected token',
    '    at load (node:internal)',
  ]);
  error.message = '';
  error.stack = '    at load (node:internal)';
  assert.deepEqual(errorLines(error), ['    at load (node:internal)']);
  assert.equal(errorTitle(error), 'SyntaxError');
});

test('of several errors that are one, each is named, with its frames', () => {
  const [first, second] = ['connect ECONNREFUSED ::1:1', 'connect ECONNREFUSED 127.0.0.1:1'].map((message) =>
    Object.assign(new Error(message), { stack: `Error: ${message}\n    at afterConnect (node:net:1:2)` }),
  );
  // An AggregateError that Node makes has no message.
  const error = new AggregateError([first, second]);
  error.stack = 'AggregateError [ECONNREFUSED]: \n    at internalConnectMultiple (node:net:3:4)';
  assert.equal(errorTitle(error), 'AggregateError: connect ECONNREFUSED ::1:1; connect ECONNREFUSED 127.0.0.1:1');
  assert.deepEqual(errorLines(error), [
    '    at internalConnectMultiple (node:net:3:4)',
    '    one of them: Error: connect ECONNREFUSED ::1:1',
    '    at afterConnect (node:net:1:2)',
    '    one of them: Error: connect ECONNREFUSED 127.0.0.1:1',
    '    at afterConnect (node:net:1:2)',
  ]);
});

test('an error of another realm, whose stack is in what is seen of it, has its frames', () => {
  const [frame] = errorLines(vm.runInNewContext('new TypeError("far")'));
  assert.match(frame ?? '', /^ {4}at /);
});

test('what was thrown without being an error is shown', () => {
  assert.equal(errorTitle('boom'), "Error: thrown: 'boom'");
  assert.deepEqual(errorLines(Object.create(null)), []);
});

test('a stack, its lines and the number of causes are bounded', () => {
  const stack = Array.from({ length: 100 }, (_, index) => `frame ${index} ${'x'.repeat(2_000)}`).join('\n');
  const lines = stackLines(stack);
  assert.deepEqual([lines.length, lines.at(-1)], [81, '    … 20 more lines']);
  assert.ok(lines.every((line) => line.length < 1_010));
  const circle = failed('round', FRAMES);
  circle.cause = circle;
  assert.equal(errorLines(circle).filter((line) => line.includes('caused by')).length, 4);
});

test('durations', () => {
  assert.deepEqual([0, 12.4, 999, 1_000, 30_049].map(duration), ['0 ms', '12 ms', '999 ms', '1.0 s', '30.0 s']);
});

const unsafe = fc.constantFrom('\n', '\x1b', '\x7f', '\x9b', '\u2028', '\u202e', '\ud800', '"', '\\', '\\u');
const nasty = fc.string({ unit: fc.oneof(fc.string({ unit: 'binary', maxLength: 1 }), unsafe), maxLength: 2_000 });
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

test('a client writes no line of its own, and acts on no terminal', () => {
  assert.equal(quoted('/a\n2026 ERROR "b\x1b[2J\x9b31m'), '"/a\\n2026 ERROR \\"b\\u001b[2J\\u009b31m"');
  assert.equal(printable('a\r\nb\u2028c\u202ed\ud800'), 'a\\u000d\\u000ab\\u2028c\\u202ed\\ud800');
  fc.assert(
    fc.property(nasty, (text) => {
      for (const shown of [printable(text), quoted(text)]) assert.doesNotMatch(shown, UNSAFE);
      assert.ok(printable(text).length <= 6_010);
    }),
  );
});

test('a line of JSON is one line, parses, and says the same', () => {
  assert.equal(
    jsonLine(entry({ worker: { id: 1 } }, 'warn'), 'web', TIME),
    '{"time":"2026-01-02T03:04:05.678Z","level":"warn","name":"web","msg":"it happened","event":"ready","worker":{"id":1}}',
  );
  fc.assert(
    fc.property(nasty, (url) => {
      const line = jsonLine(entry({ request: { url } }), 'web', TIME);
      assert.doesNotMatch(line, UNSAFE);
      // JSON holds half of a surrogate pair only in escaped form, and that is parsed to the same half.
      assert.equal(JSON.parse(line).request.url, url);
    }),
  );
});

test('in JSON, an error is its name, message, code, stack and causes, and text is bounded', () => {
  const err = Object.assign(failed('outer', FRAMES, { cause: failed('inner', []) }), { code: 'E_OUTER' });
  const { name, message, code, stack, cause } = JSON.parse(jsonLine(entry({ err }), 'web', TIME)).err;
  assert.deepEqual([name, message, code, stack], ['TypeError', 'outer', 'E_OUTER', err.stack]);
  assert.equal(cause.message, 'inner');
  assert.equal(JSON.parse(jsonLine(entry({ stack: 'x'.repeat(9_999) }), 'web', TIME)).stack.length, 8_193);
});

for (const [what, isTTY, first] of [
  ['lines for humans on a terminal', true, /^\S+ INFO {2}\[web\] it happened\n$/],
  ['lines of JSON elsewhere', false, /^\{"time":"[^"]+","level":"info","name":"web","msg":"it happened",.*\}\n$/],
] as const) {
  test(`the built-in logger writes ${what}, from the level info on`, () => {
    let written = '';
    const sink = builtIn('web', isTTY, (text) => {
      written += text;
    });
    sink(entry({}, 'debug'));
    sink(entry());
    assert.match(written, first);
  });
}

/** All that was written. From Node 26 on, one read gives one chunk. */
function textOf(stream: PassThrough): string {
  let text = '';
  for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) text += chunk;
  return text;
}

function logTo(logger: Logger | boolean, ...entries: LogEntry[]): void {
  const sink = openSink(logger, 'web');
  for (const each of entries) sink?.(each);
}

test('false is silent', () => {
  assert.equal(openSink(false, 'web'), undefined);
});

test('a logger is called as a method, with the fields and then the message', () => {
  const calls: unknown[] = [];
  class Mine implements Logger {
    readonly own = 'mine';
    debug = (): void => assert.fail('not this level');
    info(fields: LogFields, message: string): void {
      calls.push([this.own, fields, message]);
    }
    warn = this.debug;
    error = this.debug;
  }
  const { fields } = entry();
  logTo(new Mine(), entry());
  assert.deepEqual(calls, [['mine', fields, 'it happened']]);
});

test('pino gets its own form: fields, message, and the error where its serializer looks', () => {
  const stream = new PassThrough();
  const logger = pino({ level: 'debug' }, stream);
  const err = failed('100% wrong %s', FRAMES, { cause: failed('inner', []) });
  const message = 'GET "/a%20b%s"';
  logTo(logger, { ...entry({ worker: { id: 1, pid: 2 } }, 'debug'), message }, entry({ err }, 'error'));
  const [debug, error] = textOf(stream)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual([debug.level, debug.msg, debug.worker, debug.pid], [20, message, { id: 1, pid: 2 }, process.pid]);
  assert.deepEqual([error.level, error.msg], [50, 'it happened']);
  assert.match(error.err.stack, /at render.*caused by: TypeError: inner/s);
});

test('pino is asked again when its level changes', () => {
  const stream = new PassThrough();
  const logger = pino({ level: 'error' }, stream);
  const sink = openSink(logger, 'web');
  sink?.(entry());
  logger.level = 'info';
  sink?.(entry());
  assert.equal(textOf(stream).trim().split('\n').length, 1);
});

test('a console gets one text, with the stack indented', () => {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const message = '100% %s %d';
  const entries = (['debug', 'info', 'warn', 'error'] as const).map((level) => ({ ...entry({}, level), message }));
  logTo(new Console(out, err), ...entries, entry({ stack: 'f\ng' }, 'error'));
  assert.equal(textOf(out), '[web] 100% %s %d\n[web] 100% %s %d\n');
  assert.equal(textOf(err), '[web] 100% %s %d\n[web] 100% %s %d\n[web] it happened\n    f\n    g\n');
});

test('the global console is one', (t) => {
  const warn = t.mock.method(console, 'warn', () => undefined);
  logTo(console, entry({}, 'warn'));
  assert.deepEqual(
    warn.mock.calls.map((call) => call.arguments),
    [['[web] it happened']],
  );
});

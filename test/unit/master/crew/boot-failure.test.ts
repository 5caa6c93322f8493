import assert from 'node:assert/strict';
import test from 'node:test';
import { bootTimeoutFailure, reportedFailure, silentFailure } from '../../../../build/master/crew/boot-failure.js';
import { bindError } from '../../../../build/master/sockets/bind-error.js';
import { serializeError } from '../../../../build/serialized-error.js';

const ADDRESSES = ['127.0.0.1:80', 'unix:/s'];
const error = serializeError(Object.assign(new TypeError('no such thing'), { code: 'EADDRINUSE' }));
const reported = (phase: 'bind' | 'load' | 'boot', socket?: number) =>
  reportedFailure(7, { type: 'failed', phase, error, ...(socket !== undefined && { socket }) }, ADDRESSES);

const FAILURES = [
  [
    'it cannot load the application',
    reported('load'),
    'ERR_APP_LOAD',
    /^worker #7: the application failed to load: no such thing$/,
  ],
  [
    'it fails before it is ready',
    reported('boot'),
    'ERR_WORKER_BOOT',
    /^worker #7 failed before it was ready: no such thing$/,
  ],
  ['it cannot listen', reported('bind', 1), 'ERR_BIND', /^cannot bind unix:\/s: .*in use.*\(EADDRINUSE\)$/],
  ['it does not say where it cannot listen', reported('bind'), 'ERR_BIND', /^cannot bind 127\.0\.0\.1:80: /],
  ['it names a socket that does not exist', reported('bind', 99), 'ERR_BIND', /^cannot bind 127\.0\.0\.1:80: /],
] as const;

for (const [what, failure, code, message] of FAILURES) {
  test(`a worker says that ${what}`, () => {
    assert.equal(failure.code, code);
    assert.match(failure.message, message);
    const cause = failure.cause as NodeJS.ErrnoException;
    assert.deepEqual([cause.name, cause.message, cause.stack], ['TypeError', 'no such thing', error.stack]);
  });
}

test('of a thread that the system has no room for, the code is all that there is to say', () => {
  const noRoom = serializeError(Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' }));
  const failure = reportedFailure(7, { type: 'failed', phase: 'boot', error: noRoom }, ADDRESSES);
  assert.match(failure.message, /^worker #7 failed before it was ready: EAGAIN \(too many processes, see ulimit -u/);
});

test('a worker that ended without a word is told by its exit', () => {
  const by = (code: number | null, signal: NodeJS.Signals | null) => silentFailure(7, { code, signal, reason: 'boot' });
  assert.match(
    by(7, null).message,
    /^worker #7 ended with exit code 7 before it was ready \(it left no word: see .*standard error\)$/,
  );
  // The exit code with which Node refuses a flag.
  assert.match(
    by(9, null).message,
    /^worker #7 ended with exit code 9 before it was ready \(.*'execArgv', NODE_OPTIONS/,
  );
  assert.match(by(null, 'SIGSEGV').message, /^worker #7 ended with signal SIGSEGV before it was ready$/);
  assert.equal(by(9, null).code, 'ERR_WORKER_BOOT');
});

test('a worker that could not be spawned has the system error as its cause', () => {
  const cause = Object.assign(new Error('spawn /bin/sh ENOENT'), { code: 'ENOENT' });
  const failure = silentFailure(7, { code: null, signal: null, reason: 'boot' }, cause);
  // ENOENT names the program even if the folder is what is missing.
  assert.match(failure.message, /could not be spawned: spawn \/bin\/sh ENOENT .*'cwd'/);
  assert.equal(failure.cause, cause);
});

test('a boot that took too long says how long it could take', () => {
  const failure = bootTimeoutFailure(7, 250);
  assert.equal(failure.code, 'ERR_BOOT_TIMEOUT');
  assert.match(failure.message, /worker #7 .*250 ms/);
  assert.equal(failure.exitCode, 3);
});

test('a bind error says why in words where it knows, else as the system does', () => {
  const caused = (code: string) => bindError(':80', Object.assign(new Error(`bind ${code}`), { code })).message;
  assert.equal(caused('EACCES'), 'cannot bind :80: permission denied (EACCES)');
  assert.equal(caused('EMFILE'), 'cannot bind :80: bind EMFILE');
  assert.equal(caused('constructor'), 'cannot bind :80: bind constructor');
});

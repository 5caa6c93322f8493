/* What a newcomer writes, and what the message says to write instead. */
import assert from 'node:assert/strict';
import * as path from 'node:path';
import test from 'node:test';
import { validateOptions } from '../../../build/options/validate.js';

const app = './app.js';

/** The options as they were written, and how the message ends. */
const CASES: readonly (readonly [options: Record<string, unknown>, ending: string])[] = [
  [{ bind: 8000 }, "got 8000; a port is '127.0.0.1:8000' of this machine alone, ':8000' of all its addresses"],
  [{ bind: ['8000'] }, "got '8000'; a port is '127.0.0.1:8000' of this machine alone, ':8000' of all its addresses"],
  [{ bind: 'localhost' }, "; a port belongs to it: 'localhost:8000'"],
  [{ bind: 'http://localhost:80/' }, "; write 'localhost:80'"],
  [{ bind: 'https://a.example:443' }, "; write 'a.example:443', and the option 'tls'"],
  [{ bind: '/run/app.sock' }, "; a Unix socket is 'unix:' and an absolute path"],
  [{ bind: './app.sock' }, "; a Unix socket is 'unix:' and an absolute path"],
  [{ bind: '::1:80' }, "; an address of IPv6 is in brackets: '[::1]:8000'"],
  [
    { bind: { port: '80' } },
    "option 'bind.port': expected an integer from 0 to 65535, got '80'; write it as a number: 80",
  ],
  [{ bind: { path: '/a', mode: '660' } }, "got '660'; write it as a number: 0o660"],
  [{ workers: 0 }, 'got 0; leave it out for one for each CPU'],
  [{ workers: 'auto' }, "got 'auto'; leave it out for one for each CPU"],
  [{ workers: '4' }, "got '4'; write it as a number: 4"],
  [{ workerClass: 'thread' }, "got 'thread'; did you mean threaded?"],
  [{ workerClass: 'gthread' }, "; it is called 'threaded' here"],
  [{ workerClass: 'gevent' }, "; it is called 'async' here"],
  [{ workerClass: 'mine.js' }, "; a module is named by its path: './mine.js'"],
  [{ workerClass: class Mine {} }, '; a class of yours extends Worker, or a class that does'],
  [{ threads: 2 }, "got 'sync'; set workerClass: 'threaded', since 'sync' is the default, or leave out 'threads'"],
  [{ threads: 2, workerClass: 'async' }, "got 'async'; set workerClass: 'threaded', or leave out 'threads'"],
  [{ timeout: '30s' }, "got '30s'; write it as a number of milliseconds: 30000"],
  [{ keepAlive: '1.5m' }, "got '1.5m'; write it as a number of milliseconds: 90000"],
  [{ timeout: '30' }, "got '30'; write it as a number: 30"],
  [{ requestBuffer: '64kb' }, "got '64kb'; write it as a number of bytes: 65536"],
  [{ maxMemory: '512mb' }, "got '512mb'; write it as a number of bytes: 536870912"],
  [{ maxMemory: 512 }, 'got 512; bytes are meant: 512 MB are 536870912'],
  [{ surge: 0.25 }, "got 0.25; a share is '25%'"],
  [{ surge: '3' }, "got '3'; write it as a number: 3"],
  [{ umask: '022' }, "got '022'; write it as a number: 0o022"],
  [
    { env: { PORT: 80 } },
    "option 'env.PORT': expected a string without NUL, or undefined, got 80; write it as a string: '80'",
  ],
  [{ trustProxy: 1 }, 'got 1; hops are not counted here, since proxies are known by their addresses'],
  [{ accessLog: 'combined' }, "got 'combined'; a format is 'accessLogFormat', and a file of that name './combined'"],
  [
    { tls: { key: 'file:///etc/key.pem', cert: '' } },
    "a string that names a file; its URL is new URL('file:///path'), in JSON 'file:///path'",
  ],
  [
    { tls: { key: '-----BEGIN', cert: '/etc/cert' } },
    "a string that names a file; its URL is new URL('file:///path'), in JSON 'file:///path'",
  ],
  [
    { tls: { key: '-----BEGIN', cert: 'cert.pem' } },
    "a string that names a file; its URL is new URL('file:///path'), in JSON 'file:///path'",
  ],
  [{ app: { ...path } }, 'got {'],
  [{ app: path }, `got a whole module; one of its exports is meant: ${Object.keys(path).join(', ')}`],
];

for (const [options, ending] of CASES) {
  test(`${Object.keys(options)}: …${ending}`, () => {
    assert.throws(
      () => validateOptions({ app, ...options }),
      ({ code, message }: Error & { code: string }) => {
        assert.equal(code, 'ERR_INVALID_OPTION');
        if (ending.endsWith('{')) assert.doesNotMatch(message, /whole module/);
        else assert.ok(message.endsWith(ending), message);
        return true;
      },
    );
  });
}

test('an option with the name that it has elsewhere', () => {
  for (const [name, meant] of [
    ['port', "it is called 'bind' here"],
    ['instances', "it is called 'workers' here"],
    ['worker_class', "it is called 'workerClass' here"],
    ['max_requests', "it is called 'maxRequests' here"],
    ['killTimeout', "it is called 'gracefulTimeout' here"],
    ['cert', "it is called 'tls' here"],
    ['worker', 'did you mean workers?'],
  ])
    assert.throws(
      () => validateOptions({ app, [name as string]: 1 }),
      ({ message }: Error) => message.startsWith(`option '${name}' is unknown; ${meant} (known are: app, `),
    );
  assert.throws(() => validateOptions({ app, zzzzzz: 1 }), /^\w+: option 'zzzzzz' is unknown \(known are: app, /);
});

test('no secret is in a message that guesses', () => {
  const key = `-----BEGIN PRIVATE KEY-----\n${'a'.repeat(64)}\n`;
  for (const tls of [{ key: `/etc/${'s3cret'}` }, { key, cert: './s3cret.pem' }])
    assert.throws(
      () => validateOptions({ app, tls }),
      ({ message }: Error) => !message.includes('s3cret') && !message.includes('aaaa'),
    );
  // A text in PEM is not taken for a path, whatever its lines are.
  validateOptions({ app, tls: { key, cert: key, passphrase: './x.pem' } });
});

test('what is right is not guessed about', () => {
  for (const options of [{ accessLog: './combined' }, { workers: 1 }, { timeout: 30 }, { bind: 'localhost:80' }])
    validateOptions({ app, ...options });
});

import assert from 'node:assert/strict';
import { join, sep } from 'node:path';
import test from 'node:test';
import { refuseBundled } from '../../../build/options/bundled.js';
import { LIBRARY, strayed } from '../../../build/options/library.js';

const FILE = join(LIBRARY, 'index.js');
const ELSEWHERE = join(sep, 'srv', 'app', 'dist', sep);

test('a library that runs from its own files has not strayed', () => {
  assert.equal(strayed(), undefined);
  assert.equal(strayed(LIBRARY, FILE), undefined);
});

test('it has where the code runs elsewhere, though its files are where the bundler found it', () => {
  assert.deepEqual(strayed(LIBRARY, '/srv/app/server.cjs'), { from: '/srv/app/server.cjs' });
  assert.deepEqual(strayed(LIBRARY, 'webpack-internal:///833'), { from: 'webpack-internal:///833' });
});

test('it has where the files of the workers are missing', () => {
  assert.deepEqual(strayed(ELSEWHERE, `${ELSEWHERE}server.mjs`), { from: `${ELSEWHERE}server.mjs` });
});

test('it has where a bundler has left no place', () => {
  assert.deepEqual(strayed('', '/srv/app/server.cjs'), { from: '/srv/app/server.cjs' });
});

test('what an application makes of stacks is not in the way, and left as it was', (t) => {
  const { prepareStackTrace, stackTraceLimit } = Error;
  t.after(() => Object.assign(Error, { prepareStackTrace, stackTraceLimit }));
  const prepare = () => 'webpack://mapped/to/something.ts';
  Object.assign(Error, { prepareStackTrace: prepare, stackTraceLimit: 0 });
  assert.equal(strayed(), undefined);
  assert.equal(Error.prepareStackTrace, prepare);
  assert.equal(Error.stackTraceLimit, 0);
});

test('where the engine does not tell which file runs, the files count', () => {
  const own = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit') as PropertyDescriptor;
  Object.defineProperty(Error, 'stackTraceLimit', { ...own, writable: false });
  try {
    assert.equal(strayed(), undefined);
    assert.deepEqual(strayed(ELSEWHERE), { from: ELSEWHERE });
  } finally {
    Object.defineProperty(Error, 'stackTraceLimit', own);
  }
});

test('the error names where it runs and what to do', () => {
  refuseBundled(undefined);
  assert.throws(() => refuseBundled({ from: '/srv/app/server.cjs' }), {
    code: 'ERR_BUNDLED',
    message:
      /^prefork runs from \/srv\/app\/server\.cjs, .*Mark prefork external, .*--external:prefork.*'commonjs prefork'/,
  });
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import fc from 'fast-check';
import { type EnvFile, EnvFiles, readEnvFiles, splitEnvFiles } from '../../../build/options/env-files.js';
import { temporaryFolder } from '../../helpers/place.js';

type Variables = Record<string, string>;

const text = (variables: Variables): string =>
  Object.entries(variables)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');

/** What node, dotenv and `process.loadEnvFile()` do: they change no variable that is there already. */
const load = (env: Variables, ...files: Variables[]): Variables => Object.assign({}, ...files, env);

/** This many files in a folder, which flags name. */
function files(t: TestContext, count: number): { write: (contents: Variables[]) => void; files: EnvFile[] } {
  const folder = temporaryFolder(t);
  const named = Array.from({ length: count }, (_, index) => ({
    ...{ path: join(folder, `${index}.env`), optional: true },
    words: [`--env-file=${index}.env`],
  }));
  const write = (contents: Variables[]): void => {
    for (const [index, variables] of contents.entries()) writeFileSync(named[index]?.path as string, text(variables));
  };
  return { write, files: named };
}

const variables = fc.dictionary(fc.constantFrom('A', 'B', 'C', 'D'), fc.constantFrom('1', '2', '3'), {
  noNullPrototype: true,
});
const known = (env: Variables): Set<string> => new Set(Object.keys(env));

test('what is renewed is what a new start would have, and what is withheld leaves what this one had before', (t) => {
  const { write, files: flagged } = files(t, 2);
  const property = fc.property(
    variables,
    fc.tuple(variables, variables),
    fc.tuple(variables, variables),
    (start, then, now) => {
      write(then);
      const env = load(start, ...then);
      const own = new EnvFiles(flagged, [], known(start));
      own.note(env);
      assert.deepEqual(own.renew(env), env);
      write(now);
      assert.deepEqual(own.renew(env), load(start, ...now));
      assert.deepEqual(own.withhold(env), start);
      // Once more, from the environment that was handed on before.
      write(then);
      assert.deepEqual(own.renew(env), env);
    },
  );
  fc.assert(property, { numRuns: 500 });
});

test('the same of a file that the script has loaded', (t) => {
  const { write, files: others } = files(t, 1);
  const property = fc.property(variables, variables, variables, (start, then, now) => {
    fc.pre(Object.keys(then).some((name) => !(name in start)));
    write([then]);
    const env = load(start, then);
    const own = new EnvFiles([], others, known(start));
    own.note(env);
    write([now]);
    assert.deepEqual(own.renew(env), load(start, now));
    assert.deepEqual(own.withhold(env), start);
  });
  fc.assert(property, { numRuns: 500 });
});

test('a file that the script has not loaded is nobody’s business', (t) => {
  const { write, files: others } = files(t, 1);
  for (const env of [{ A: '1' }, { A: '2', B: '2' }, {}] as Variables[]) {
    write([{ A: '1', B: '1' }]);
    const own = new EnvFiles([], others, new Set());
    own.note(env);
    write([{ A: '3', B: '3', C: '3' }]);
    assert.deepEqual(own.renew(env), env);
    assert.deepEqual(own.withhold(env), env);
  }
});

test('where the system does not tell what was there at the start, what is as the file has it counts as loaded', (t) => {
  const { write, files: others } = files(t, 1);
  write([{ A: '1', B: '1' }]);
  const own = new EnvFiles([], others, undefined);
  own.note({ A: '1', B: '2', PATH: '/' });
  write([{ A: '3', B: '3' }]);
  assert.deepEqual(own.renew({ A: '1', B: '2', PATH: '/' }), { A: '3', B: '2', PATH: '/' });
});

test('what the host has changed, removed or said since stays so', (t) => {
  const { write, files: flagged } = files(t, 1);
  write([{ A: '1', B: '1', C: '1' }]);
  const own = new EnvFiles(flagged, [], new Set());
  own.note({ A: '1', B: '1', C: '1' });
  write([{ A: '2', B: '2', C: '2', D: '2', E: '2' }]);
  const env = { A: 'changed', C: '1', D: 'said', E: undefined };
  // B has been removed, and E is a variable that the option `env` removes.
  assert.deepEqual(own.renew(env), { A: 'changed', C: '2', D: 'said', E: undefined });
  assert.deepEqual(own.withhold(env), { A: 'changed', D: 'said', E: undefined });
});

test('a file that is gone changes nothing, if it may be missing; else it is an error that names it', (t) => {
  const { write, files: flagged } = files(t, 1);
  write([{ A: '1' }]);
  const own = new EnvFiles(flagged, [], new Set());
  const strict = new EnvFiles(
    flagged.map((file) => ({ ...file, optional: false })),
    [],
    new Set(),
  );
  for (const each of [own, strict]) each.note({ A: '1' });
  rmSync(flagged[0]?.path as string);
  assert.deepEqual(own.renew({ A: '1' }), { A: '1' });
  assert.deepEqual(own.withhold({ A: '1' }), { A: '1' });
  assert.throws(() => strict.renew({ A: '1' }), {
    code: 'ERR_INVALID_OPTION',
    message: /0\.env cannot be read: ENOENT/,
  });
});

test('a file that comes later is read then', (t) => {
  const { write, files: flagged } = files(t, 1);
  const own = new EnvFiles(flagged, [], new Set());
  own.note({ A: '1' });
  assert.deepEqual(own.flags, ['--env-file=0.env']);
  assert.deepEqual(own.renew({ A: '1' }), { A: '1' });
  write([{ A: '2', B: '2' }]);
  assert.deepEqual(own.renew({ A: '1' }), { A: '1', B: '2' });
});

test('a pipe is not read: its variables are handed on, and its flag is not', (t) => {
  const path = join(temporaryFolder(t), 'pipe');
  execFileSync('mkfifo', [path]);
  const own = new EnvFiles([{ path, optional: false, words: [`--env-file=${path}`] }], [], new Set());
  own.note({ A: '1' });
  assert.deepEqual([own.renew({ A: '1' }), own.withhold({ A: '1' }), own.flags], [{ A: '1' }, { A: '1' }, []]);
});

test('the flags that name files, in each form that node takes', () => {
  const { flags, files } = splitEnvFiles(
    [
      '--import',
      './x.js',
      '--env-file=.env',
      '--env-file',
      '/b.env',
      '--env_file_if_exists=c',
      '--env-file-if-exists',
      'd',
      '-C',
      'x',
    ],
    '/srv',
  );
  assert.deepEqual(flags, ['--import', './x.js', '-C', 'x']);
  assert.deepEqual(
    files.map(({ path, optional }) => [path, optional]),
    [
      ['/srv/.env', false],
      ['/b.env', false],
      ['/srv/c', true],
      ['/srv/d', true],
    ],
  );
  assert.deepEqual(
    files.flatMap(({ words }) => words),
    ['--env-file=.env', '--env-file', '/b.env', '--env_file_if_exists=c', '--env-file-if-exists', 'd'],
  );
  assert.deepEqual(splitEnvFiles(['--env-file-other=1', '--environment'], '/').files, []);
});

test('of several files the last one counts', (t) => {
  const { write, files: all } = files(t, 3);
  write([
    { A: '1', B: '1' },
    { B: '2', C: '2' },
  ]);
  assert.deepEqual(Object.fromEntries(readEnvFiles(all)), { A: '1', B: '2', C: '2' });
});

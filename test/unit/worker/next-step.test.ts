import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { nextStep } from '../../../build/worker/next-step.js';
import { temporaryFolder } from '../../helpers/place.js';

const unknown = (ending: string) => ({
  ...{ name: 'TypeError', code: 'ERR_UNKNOWN_FILE_EXTENSION' },
  message: `Unknown file extension "${ending}" for /srv/app${ending}`,
});

test('TypeScript that this Node does not load', () => {
  for (const ending of ['.ts', '.mts', '.cts', '.tsx'])
    assert.match(
      nextStep(unknown(ending), '20.19.0', false) ?? '',
      /^this is Node 20\.19\.0, and TypeScript is loaded from 22\.18 on; before, .*--exec-argv=--import=tsx/,
    );
  assert.match(nextStep(unknown('.ts'), '22.17.1', true) ?? '', /^this is Node 22\.17\.1, /);
  assert.match(
    nextStep(unknown('.ts'), '20.19.0', true) ?? '',
    /threads of Node 20\.19\.0 .* also with tsx: take another class/,
  );
  // What Node still does not load: .tsx, or TypeScript where Node was told not to.
  for (const version of ['22.18.0', '24.0.0', '26.10.0'])
    assert.match(nextStep(unknown('.tsx'), version, true) ?? '', /^tsx makes JavaScript of it/);
  assert.equal(nextStep(unknown('.css'), '20.19.0', false), undefined);
});

test('TypeScript that has to be compiled', () => {
  const message = 'TypeScript enum is not supported in strip-only mode';
  const step = nextStep({ name: 'SyntaxError', code: 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX', message });
  assert.match(step ?? '', /^Node only takes the types away; tsx .*--exec-argv=--import=tsx/);
});

test('top-level await in what tsx makes CommonJS of', () => {
  const message =
    'Transform failed with 1 error:\n/srv/app.ts:3:0: ERROR: Top-level await is currently not supported with the "cjs" output format';
  assert.match(nextStep({ name: 'Error', message }) ?? '', /^tsx makes CommonJS of .*\.mts.*"type": "module"/);
});

test('what is not there in a worker', () => {
  const message = 'process.send is not a function';
  assert.match(nextStep({ name: 'TypeError', message }) ?? '', /`worker\.send\(\)` of prefork/);
  assert.equal(nextStep({ name: 'TypeError', message: 'queue.send is not a function' }), undefined);
  assert.equal(nextStep({ name: 'Error', message }), undefined);
});

const SYNTAX = [
  'Cannot use import statement outside a module',
  "Unexpected token 'export'",
  "Cannot use 'import.meta' outside a module",
  'await is only valid in async functions and the top level bodies of modules',
];

const broken = (file: string, message = SYNTAX[0] as string) =>
  nextStep({
    name: 'SyntaxError',
    message,
    stack: `${file}:1\nimport 'x';\n^^^^^^\n\nSyntaxError: ${message}\n    at x`,
  });

function projectOf(t: TestContext, type: string | undefined): string {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'src/routes'), { recursive: true });
  mkdirSync(join(folder, 'node_modules/of-others'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type }));
  return folder;
}

test("an ES module in a file that package.json makes CommonJS: where that is said, and the file's other name", (t) => {
  const folder = projectOf(t, 'commonjs');
  const file = join(folder, 'src/routes/app.js');
  for (const message of SYNTAX) {
    assert.equal(
      broken(file, message),
      `${file} is CommonJS, since ${join(folder, 'package.json')} says "type": "commonjs": write "type": "module" there, or name the file .mjs`,
    );
  }
  assert.match(broken(join(folder, 'app.ts')) ?? '', /name the file \.mts$/);
  assert.match(broken(join(folder, 'app.cjs')) ?? '', /app\.cjs is CommonJS by its name: ES modules are named \.mjs$/);
});

test('nothing is said where it would not help', (t) => {
  const folder = projectOf(t, 'commonjs');
  assert.equal(broken(join(folder, 'node_modules/of-others/index.js')), undefined);
  assert.equal(broken(join(folder, 'app.js'), "Unexpected token '}'"), undefined);
  assert.equal(nextStep({ name: 'SyntaxError', message: SYNTAX[0] as string }), undefined);
  for (const type of ['module', undefined]) assert.equal(broken(join(projectOf(t, type), 'app.js')), undefined);
});

test('a file that is there under a longer name', (t) => {
  const folder = projectOf(t, 'module');
  mkdirSync(join(folder, 'src/models'));
  for (const file of ['order.ts', 'models/index.mts', 'plain.js']) writeFileSync(join(folder, 'src', file), '');
  const step = (path: string) =>
    nextStep({
      ...{ name: 'Error', code: 'ERR_MODULE_NOT_FOUND' },
      message: `Cannot find module '${join(folder, path)}' imported from ${join(folder, 'src/server.ts')}`,
    });
  assert.equal(step('src/order'), 'there is order.ts: Node wants the whole name, with that ending');
  assert.equal(step('src/order.js'), 'there is order.ts: Node wants the whole name, with that ending');
  assert.match(step('src/models') ?? '', /^there is models\/index\.mts: /);
  assert.match(step('src/plain') ?? '', /^there is plain\.js: /);
  for (const path of ['src/nowhere', 'src/plain.js', 'node_modules/of-others/index'])
    assert.equal(step(path), undefined);
  const required = `Cannot find module './order'\nRequire stack:\n- ${join(folder, 'src/server.cts')}\n- /x.js`;
  assert.match(nextStep({ name: 'Error', code: 'MODULE_NOT_FOUND', message: required }) ?? '', /^there is order\.ts: /);
  const lacking = "Cannot find package 'lacking' imported from /srv/app.mjs";
  assert.equal(nextStep({ name: 'Error', code: 'ERR_MODULE_NOT_FOUND', message: lacking }), undefined);
});

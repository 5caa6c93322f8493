import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { temporaryFolder } from '../helpers/place.js';

keepHosts();

const FIXTURES = fixture('');

for (const [app, answer] of [
  ['./app.js', 'hello'],
  [fixture('app.js'), 'hello'],
  [pathToFileURL(fixture('app.js')).href, 'hello'],
  ['./forms-of-export.js#named', 'named export'],
  ['./forms-of-export.js#promised', 'named promise'],
  ['./forms-of-export.js', 'default promise'],
  [`${pathToFileURL(fixture('forms-of-export.js')).href}#named`, 'named export'],
  ['./commonjs.cjs', 'module.exports'],
  ['./commonjs.cjs#other', 'module.exports.other'],
  ['./commonjs-default.cjs', 'exports.default'],
  ['./express-app.js', undefined],
] as const) {
  test(`the application ${app.replace(FIXTURES, '…/')}`, async (t) => {
    const host = new Host(t, { workers: 1, app, cwd: FIXTURES });
    const response = await get(`${await host.ready()}/`);
    if (answer === undefined) assert.equal(response.status, 404);
    else assert.deepEqual([response.status, response.body], [200, answer]);
  });
}

test('a package is found from the working directory, with the conditions of import', async (t) => {
  const folder = project(t);
  const host = new Host(t, { workers: 1, app: 'some-service', cwd: folder });
  assert.equal((await get(`${await host.ready()}/`)).body, 'imported');
});

test('a named export of a package, and a subpath', async (t) => {
  const folder = project(t);
  for (const [app, answer] of [
    ['some-service#named', 'named'],
    ['some-service/sub', 'subpath'],
  ]) {
    const host = new Host(t, { workers: 1, app, cwd: folder });
    assert.equal((await get(`${await host.ready()}/`)).body, answer);
    host.kill('SIGINT');
    await host.exited();
  }
});

for (const [app, named] of [
  [
    './missing.js',
    /^worker #1: .* Cannot find module '.*\/missing\.js' .*\('\.\/missing\.js' is looked for in the working directory, \/.* says new URL\('\.\/missing\.js', import\.meta\.url\)/,
  ],
  ['./missing.js#app', /new URL\('\.\/missing\.js', import\.meta\.url\)/],
  // The error names the folder, not a file that nobody has.
  ['missing', /Cannot find package 'missing' imported from \S*\/ \(without '\.\/'/],
  [fixture('missing.js'), /^((?!working directory).)*$/],
  // The module itself exists; what it imports does not.
  ['./imports-nothing-there.js', /^((?!working directory).)*$/],
] as const) {
  test(`an application that is not there: ${app.replace(FIXTURES, '…/')}`, async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(folder, 'imports-nothing-there.js'), "import './nothing-there.js';");
    const host = new Host(t, { workers: 1, app, cwd: folder });
    const [error] = await host.event('rejected');
    assert.equal(error.code, 'ERR_APP_LOAD');
    assert.match(error.message, named);
  });
}

/** A folder with a package in its node_modules that this project knows nothing of. */
function project(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const service = join(folder, 'node_modules', 'some-service');
  mkdirSync(service, { recursive: true });
  const exports = { '.': { import: './index.mjs', require: './index.cjs' }, './sub': './sub.mjs' };
  writeFileSync(join(service, 'package.json'), JSON.stringify({ name: 'some-service', exports }));
  const answers = (text: string): string => `(request, response) => response.end('${text}');\n`;
  writeFileSync(
    join(service, 'index.mjs'),
    `export default ${answers('imported')}export const named = ${answers('named')}`,
  );
  writeFileSync(join(service, 'index.cjs'), `module.exports = ${answers('required')}`);
  writeFileSync(join(service, 'sub.mjs'), `export default ${answers('subpath')}`);
  return folder;
}

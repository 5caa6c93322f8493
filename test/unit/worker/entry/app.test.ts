import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { loadApp } from '../../../../build/worker/entry/app.js';
import { temporaryFolder } from '../../../helpers/place.js';

test('a file that is named as a package would be: the error says so', async (t) => {
  const cwd = process.cwd();
  const folder = temporaryFolder(t);
  process.chdir(folder);
  t.after(() => process.chdir(cwd));
  writeFileSync(join(folder, 'there.mjs'), 'export default 1;');
  const fails = async (specifier: string, message: RegExp) => {
    await assert.rejects(loadApp(specifier), (error: NodeJS.ErrnoException) => {
      assert.equal(error.code, 'ERR_MODULE_NOT_FOUND');
      assert.match(error.message, message);
      assert.ok(error.stack?.includes(error.message), error.stack);
      return true;
    });
  };
  const isPackage = /package '.*\(without '\.\/' it is the name of a package; /.source;
  await fails('nothere.js', new RegExp(`${isPackage}and there is no file '\\./nothere\\.js' in /.*\\)$`));
  await fails('src/nothere.js#app', new RegExp(`${isPackage}and there is no file '\\./src/nothere\\.js' in /.*\\)$`));
  await fails('there.mjs', new RegExp(`${isPackage}the file is '\\./there\\.mjs'\\)$`));
  // What is missing inside a package has nothing to do with the package's name.
  mkdirSync(join(folder, 'node_modules/whole'), { recursive: true });
  writeFileSync(join(folder, 'node_modules/whole/index.mjs'), "import 'lacking';");
  writeFileSync(join(folder, 'node_modules/whole/package.json'), '{ "exports": "./index.mjs" }');
  await fails('whole', /package 'lacking' imported from [^(]*$/);
});

test('an export that is not there, and one that is undefined, are told apart', async (t) => {
  const folder = temporaryFolder(t);
  const compiled = "Object.defineProperty(exports, '__esModule', { value: true }); exports.other = 1;";
  const modules: readonly [name: string, text: string, of: string, message: RegExp][] = [
    [
      'undefined.mjs',
      'export default undefined; export const other = 1;',
      '',
      /^the export 'default' of '.*' is undefined$/,
    ],
    ['undefined.cjs', 'module.exports = undefined;', '', /^the export 'default' of '.*' is undefined$/],
    ['named.mjs', 'export let app;', '#app', /^the export 'app' of '.*' is undefined$/],
    ['none.mjs', 'export const other = 1;', '', /has no export 'default'; it exports other$/],
    ['empty.mjs', '', '', /has no export 'default'; it exports nothing$/],
    ['compiled.cjs', compiled, '', /has no export 'default'; it exports other$/],
    [
      'compiled-undefined.cjs',
      `${compiled} exports.default = undefined;`,
      '',
      /^the export 'default' of '.*' is undefined$/,
    ],
  ];
  for (const [name, text, of, message] of modules) {
    writeFileSync(join(folder, name), text);
    await assert.rejects(loadApp(join(folder, name) + of), { message }, name);
  }
});

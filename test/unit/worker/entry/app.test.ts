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
  // What a package lacks is no matter of its name.
  mkdirSync(join(folder, 'node_modules/whole'), { recursive: true });
  writeFileSync(join(folder, 'node_modules/whole/index.mjs'), "import 'lacking';");
  writeFileSync(join(folder, 'node_modules/whole/package.json'), '{ "exports": "./index.mjs" }');
  await fails('whole', /package 'lacking' imported from [^(]*$/);
});

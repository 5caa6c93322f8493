/* node_modules as pnpm makes them: the library and what it needs are links, and Node must find one module by each of them. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { CLASSES } from '../helpers/classes.js';
import { temporaryFolder } from '../helpers/place.js';
import { PROJECT } from '../helpers/project.js';

const NEEDED = ['eventemitter3', 'signal-exit', 'debug', 'ms'];

/** A folder of an application that has the library as pnpm installs it. */
function application(t: TestContext): string {
  const folder = temporaryFolder(t);
  const store = join(folder, 'node_modules/.pnpm');
  const place = (name: string): string => join(store, `${name}@1/node_modules`);
  for (const name of NEEDED) cpSync(join(PROJECT, 'node_modules', name), join(place(name), name), { recursive: true });
  mkdirSync(join(place('prefork'), 'prefork'), { recursive: true });
  cpSync(join(PROJECT, 'package.json'), join(place('prefork'), 'prefork/package.json'));
  cpSync(join(PROJECT, 'dist'), join(place('prefork'), 'prefork/dist'), { recursive: true });
  for (const name of NEEDED) symlinkSync(`../../${name}@1/node_modules/${name}`, join(place('prefork'), name));
  for (const name of ['prefork', 'eventemitter3'])
    symlinkSync(`.pnpm/${name}@1/node_modules/${name}`, join(folder, 'node_modules', name));
  return folder;
}

for (const workerClass of CLASSES) {
  for (const [form, app] of [
    ['inline', 'handler'],
    ['module', "new URL('app.mjs', import.meta.url)"],
  ] as const) {
    test(`the library as a link: ${workerClass}, ${form}`, async (t) => {
      const folder = application(t);
      const handler = "(request, response) => response.end([typeof worker.send, typeof EventEmitter].join(' '))";
      const imports = "import { EventEmitter } from 'eventemitter3';\nimport { Arbiter, worker } from 'prefork';\n";
      writeFileSync(join(folder, 'app.mjs'), `${imports}export default ${handler};`);
      writeFileSync(
        join(folder, 'host.mjs'),
        `${imports}const handler = ${handler};
        const arbiter = new Arbiter({ app: ${app}, workerClass: '${workerClass}', workers: 1, bind: '127.0.0.1:0', logger: false });
        await arbiter.start();
        if (!Arbiter.isWorker) {
          console.log(await (await fetch('http://127.0.0.1:' + arbiter.addresses[0].port)).text());
          await arbiter.stop();
        }`,
      );
      const { stdout } = await promisify(execFile)(process.execPath, ['host.mjs'], { cwd: folder, timeout: 60_000 });
      assert.equal(stdout, 'function function\n');
    });
  }
}

/*
 * node_modules as pnpm makes them: the library and what it needs are links, and Node must find the same module through
 * each of them.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { CLASSES } from '../helpers/classes.js';
import { temporaryFolder } from '../helpers/place.js';
import { PROJECT } from '../helpers/project.js';

const NEEDED = ['eventemitter3', 'signal-exit', 'debug', 'ms'];

const copy = (name: string, to: string): void => {
  const from = name === 'prefork' ? PROJECT : join(PROJECT, 'node_modules', name);
  for (const part of name === 'prefork' ? ['package.json', 'dist'] : ['.'])
    cpSync(join(from, part), join(to, name, part), { recursive: true });
};

/** Installs the library as pnpm does. */
function asPnpm(folder: string): void {
  const store = join(folder, 'node_modules/.pnpm');
  for (const name of ['prefork', ...NEEDED]) copy(name, join(store, `${name}@1/node_modules`));
  for (const name of NEEDED)
    symlinkSync(`../../${name}@1/node_modules/${name}`, join(store, 'prefork@1/node_modules', name));
  for (const name of ['prefork', 'eventemitter3'])
    symlinkSync(`.pnpm/${name}@1/node_modules/${name}`, join(folder, 'node_modules', name));
}

/**
 * All of `node_modules` is a link: with `--preserve-symlinks` Node knows the library by two paths, and loads it twice.
 */
function asLink(folder: string): void {
  for (const name of ['prefork', ...NEEDED]) copy(name, join(folder, 'real/node_modules'));
  symlinkSync('real/node_modules', join(folder, 'node_modules'));
}

const LINKS = [
  ['pnpm', asPnpm, []],
  ['--preserve-symlinks', asLink, ['--preserve-symlinks']],
] as const;

const FORMS = { inline: 'handler', module: "new URL('app.mjs', import.meta.url)" };

for (const [workerClass, [form, app], [how, install, flags]] of CLASSES.flatMap((each) =>
  Object.entries(FORMS).flatMap((of) => LINKS.map((link) => [each, of, link] as const)),
)) {
  test(`the library as a link: ${workerClass}, ${form}, ${how}`, async (t) => {
    const folder = temporaryFolder(t);
    install(folder);
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
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, 'host.mjs'], {
      cwd: folder,
      timeout: 60_000,
    });
    assert.equal(stdout, 'function function\n');
  });
}

import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { fixture } from '../helpers/host.js';
import { temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';
import { PROJECT } from '../helpers/project.js';

const linuxOnly = { skip: existsSync('/proc/self/cmdline') ? false : 'a title is cut on Linux' };

/**
 * A host that is started by a command line as short as `node a.mjs`. It prints its title before, while and after it
 * serves.
 */
function startShort(t: TestContext, names: readonly string[]): Program {
  const folder = temporaryFolder(t);
  const library = pathToFileURL(join(PROJECT, 'dist/index.js')).href;
  writeFileSync(
    join(folder, 'a.mjs'),
    `const { Arbiter } = await import('${library}');
     const { readFileSync } = await import('node:fs');
     const titles = [];
     const note = () => titles.push([process.title, readFileSync('/proc/self/cmdline', 'utf8').replace(/\\0+$/, '')]);
     note();
     const app = '${fixture('app.js')}';
     const all = ${JSON.stringify(names)}.map((name) => new Arbiter({ app, name, bind: '127.0.0.1:0', workers: 1, logger: false }));
     for (const arbiter of all) { await arbiter.start(); note(); }
     for (const arbiter of all) { await arbiter.stop(); note(); }
     console.log(JSON.stringify(titles));`,
  );
  return new Program(t, process.execPath, ['a.mjs'], { cwd: folder, argv0: 'node' });
}

test(
  'where a title does not fit, the name of the Arbiter comes first, and the title of the host comes back',
  linuxOnly,
  async (t) => {
    const program = startShort(t, ['shop', 'admin']);
    const [line] = await program.printed(/^\[\[.*\]$/m);
    const [before, shop, both, admin, after] = JSON.parse(line) as [string, string][];
    assert.deepEqual(before, ['node', 'node\0a.mjs']);
    assert.deepEqual(shop, ['shop: pref', 'shop: pref']);
    assert.deepEqual(both, ['admin: pre', 'admin: pre']);
    // The first Arbiter has stopped by then.
    assert.deepEqual(admin, both);
    assert.deepEqual(after, ['node', 'node']);
    assert.deepEqual(await program.exited(), { code: 0, signal: null });
  },
);

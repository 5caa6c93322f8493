import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PACE } from '../helpers/pace.js';

const GUIDE = fileURLToPath(new URL('../../docs/guide/', import.meta.url));
// Inside the package, so that `prefork` is resolved as it is for a user.
const WORK = fileURLToPath(new URL('../', import.meta.url));
const EXAMPLES = fileURLToPath(new URL('../../docs/examples/', import.meta.url));
const BLOCK = /```js\n\/\/ (?<file>[\w-]+(?:\.test)?\.mjs)\n(?<code>.*?)```\n(?:\n```text\n(?<output>.*?)```)?/gs;

/** An example waits for another process most of the time, so two pages are tried at once. */
describe('guide', { concurrency: 2 }, () => {
  for (const page of readdirSync(GUIDE)) {
    const blocks = [...readFileSync(join(GUIDE, page), 'utf8').matchAll(BLOCK)].map(({ groups }) => groups ?? {});
    if (blocks.length === 0) continue;
    test(`the examples of guide/${page} print what the page says`, async (t) => {
      const folder = mkdtempSync(join(WORK, 'guide-'));
      t.after(() => rmSync(folder, { recursive: true, force: true }));
      const names = blocks.map(({ file }) => file);
      assert.deepEqual(names, [...new Set(names)], 'a name for each block, or one would take the place of another');
      for (const { file, code } of blocks) writeFileSync(join(folder, file as string), code as string);
      for (const { file, output } of blocks) {
        const isTest = file?.endsWith('.test.mjs');
        if (output === undefined && !isTest) continue;
        const { NODE_TEST_CONTEXT, ...env } = process.env;
        const { stdout } = await promisify(execFile)(
          process.execPath,
          [...(isTest ? ['--test'] : []), file as string],
          {
            cwd: folder,
            timeout: 240_000,
            env: { ...PACE, ...env },
          },
        );
        if (isTest) assert.match(stdout, /^(?:# |ℹ )pass [1-9]/m, file);
        else assert.equal(stdout, output, file);
      }
    });
  }
});

test('guide/deploying.md shows the files that are tried', () => {
  const page = readFileSync(join(GUIDE, 'deploying.md'), 'utf8');
  for (const name of [
    'readiness.mjs',
    'prefork.service',
    'prefork.socket',
    'Dockerfile',
    'kubernetes.yaml',
    'haproxy.cfg',
  ]) {
    assert.ok(page.includes(readFileSync(join(EXAMPLES, name), 'utf8')), name);
  }
});

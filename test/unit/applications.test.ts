/* What the guide says of real applications is what `npm run test:apps` does: the same files, the same lines. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import test from 'node:test';
import { APPS, applications } from '../helpers/applications.js';
import { PROJECT } from '../helpers/project.js';

const all = await applications();
const read = (...path: string[]): string => readFileSync(join(...path), 'utf8');
const page = (name = 'frameworks.md'): string => read(PROJECT, 'docs/guide', name);
const block = (file: string, text: string): string =>
  `\n\`\`\`${extname(file).slice(1).replace('mjs', 'js')}\n${text}\`\`\`\n`;

test('each folder has an entry, and each entry a folder', () => {
  const folders = readdirSync(APPS, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  assert.deepEqual([...all.keys()].sort(), folders.map(({ name }) => name).sort());
});

for (const [name, application] of all) {
  test(`the guide shows what ${name} runs`, () => {
    const text = page(application.page);
    for (const file of application.shown) assert.ok(text.includes(block(file, read(APPS, name, file))), file);
    const { build, start, also = [] } = application;
    for (const line of [build, start, ...also]) if (line) assert.ok(text.includes(line), line);
  });

  test(`${name} gets this library as a tarball, with the dependencies that it has`, () => {
    const { dependencies } = JSON.parse(read(APPS, name, 'package.json'));
    assert.equal(dependencies['prefork'], 'file:prefork.tgz');
    const { packages } = JSON.parse(read(APPS, name, 'package-lock.json'));
    const locked = packages['node_modules/prefork'];
    assert.equal(locked.resolved, 'file:prefork.tgz');
    assert.equal(locked.integrity, undefined, 'write it with test/apps/lock.mjs');
    assert.deepEqual(locked.dependencies, JSON.parse(read(PROJECT, 'package.json')).dependencies);
  });
}

test('each block of code of guide/frameworks.md is run: by guide.test.ts, or in test/apps', () => {
  const shown = [...all].flatMap(([name, { shown }]) => shown.map((file) => read(APPS, name, file)));
  for (const [, code = ''] of page().matchAll(/```(?:[jt]sx?|m[jt]s)\n(.*?)```/gs)) {
    if (shown.includes(code)) continue;
    assert.match(code, /^\/\/ [\w-]+\.mjs\n/, code);
    const [name] = code.slice(3).split('\n');
    const isRun = page().includes(`\n${code}\`\`\`\n\n\`\`\`text\n`) || page().includes(`'./${name}'`);
    assert.ok(
      isRun,
      `${name} has no output below, no other block imports it, and no application of test/apps shows it`,
    );
  }
});

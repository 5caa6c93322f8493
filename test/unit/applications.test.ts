/* What the guide says of real applications is what `npm run test:apps` does: the same files, the same lines. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import test from 'node:test';
import { APPS, applications } from '../helpers/applications.js';
import { tableOf } from '../helpers/applications-table.js';
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

/** The section of a page that shows this text, from its heading on. */
function sectionWith(text: string, shown: string): string {
  const section = text.split(/^(?=## )/m).find((section) => section.includes(shown));
  assert.ok(section, shown);
  return section;
}

/** The packages that a text says to install. */
function installedBy(text: string): Set<string> {
  const lines = text.replaceAll(/ \\\n +/g, ' ').matchAll(/npm install ([^`\n]+)/g);
  return new Set([...lines].flatMap(([, rest = '']) => rest.split(' ')));
}

for (const [name, { page: where, start, madeBy }] of all) {
  test(`the guide says what to install for ${name}`, () => {
    const section = sectionWith(page(where), start);
    const { dependencies, devDependencies = {} } = JSON.parse(read(APPS, name, 'package.json'));
    if (madeBy !== undefined) assert.ok(section.includes(`In a project of \`${madeBy}\``), madeBy);
    const needed = madeBy === undefined ? Object.keys({ ...dependencies, ...devDependencies }) : ['prefork'];
    const named = installedBy(section);
    assert.deepEqual(
      needed.filter((name) => !named.has(name)),
      [],
    );
  });
}

test('each section of guide/frameworks.md says what to install for what its blocks import', () => {
  for (const section of page().split(/^(?=## )/m)) {
    if (/In a project of `npx/.test(section)) continue;
    const named = installedBy(section);
    const code = [...section.matchAll(/```[jt]s\n(.*?)```/gs)].map(([, code]) => code).join('\n');
    const imported = [...code.matchAll(/ from '((?:@[\w-]+\/)?[\w.-]+)(?:\/[^']*)?';$/gm)]
      .map(([, name = '']) => name)
      // prefork itself is installed by then.
      .filter((name) => !/^(?:\.|node:|prefork$)/.test(name));
    assert.deepEqual(
      imported.filter((name) => !named.has(name)),
      [],
      section.slice(0, 40),
    );
  }
});

test('guide/frameworks.md has the table of what test/apps runs', () => {
  const table = tableOf(all);
  assert.ok(page().includes(`\n${table}\n`), `write there:\n\n${table}`);
});

test('no page gives the name of the host of README.md to another file', () => {
  const readme = read(PROJECT, 'README.md');
  const [, host] = /^\/\/ (\w+\.mjs)\nimport \{ Arbiter \}/m.exec(readme) ?? [];
  assert.ok(host);
  for (const name of readdirSync(join(PROJECT, 'docs/guide')).filter((name) => name.endsWith('.md')))
    assert.ok(!page(name).includes(`\n// ${host}\n`), name);
});

test('no module of the guide takes it for granted that it is loaded in a worker', () => {
  for (const name of readdirSync(join(PROJECT, 'docs/guide')).filter((name) => name.endsWith('.md')))
    assert.doesNotMatch(page(name), /^worker\./m, name);
});

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

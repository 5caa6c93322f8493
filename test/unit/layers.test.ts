import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/*
 * The floors of docs/DESIGN.md: an import goes to the same floor or a lower one, never in a circle, and the two
 * sides of the control pipe know nothing of each other but the protocol.
 */

const LIB = fileURLToPath(new URL('../../lib/', import.meta.url));

const FLOORS: readonly (readonly [floor: number, where: RegExp])[] = [
  [5, /^(?:index|cli)\.ts$/],
  [4, /^arbiter\.ts$/],
  [3, /^(?:master|worker)\//],
  [2, /^(?:system|log)\//],
  [1, /^options\//],
  [
    0,
    /^(?:adoption|backoff|delay|errors|monotonic|pace|protocol|scoreboard|serialized-error|debug|warning|orders)\.ts$/,
  ],
];
const floorOf = (file: string): number | undefined => FLOORS.find(([, where]) => where.test(file))?.[0];

const files = readdirSync(LIB, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
/** The files of ours that each file imports; types and `import()` count too. */
const imports = new Map(
  files.map((file) => {
    const { importedFiles } = ts.preProcessFile(readFileSync(join(LIB, file), 'utf8'));
    const own = importedFiles.map(({ fileName }) => fileName).filter((name) => name.startsWith('.'));
    return [file, own.map((name) => join(dirname(file), name.replace(/\.js$/, '.ts')))] as const;
  }),
);

test('every file has a floor', () => {
  assert.ok(files.length > 20, 'the folder is found');
  assert.deepEqual(
    files.filter((file) => floorOf(file) === undefined),
    [],
  );
});

test('every import is of a file that exists', () => {
  for (const [file, targets] of imports) {
    for (const target of targets) assert.ok(imports.has(target), `${file} imports ${target}`);
  }
});

for (const [file, targets] of imports) {
  test(`${file} imports from its own floor or a lower one`, () => {
    for (const target of targets) {
      assert.ok(Number(floorOf(target)) <= Number(floorOf(file)), `${file} imports ${target}`);
      const sides = new Set([file, target].map((name) => name.split('/')[0]));
      assert.ok(!(sides.has('master') && sides.has('worker')), `${file} imports ${target}: across the control pipe`);
    }
  });
}

test('no import goes in a circle', () => {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), `a circle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`);
    if (done.has(file)) return;
    for (const target of imports.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
});

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/*
 * The floors and wings of docs/DESIGN.md. An import goes to the same floor or to a lower one. Within a house, it goes
 * to the same wing or to one that stands below it. Imports never form a circle. The two sides of the control pipe know
 * nothing of each other but the protocol.
 */

const LIB = fileURLToPath(new URL('../../lib/', import.meta.url));

const FLOORS: readonly (readonly [floor: number, where: RegExp])[] = [
  [5, /^(?:index\.ts$|cli\/)/],
  [4, /^(?:arbiter\.ts$|control\/)/],
  [3, /^(?:master|worker)\//],
  [2, /^(?:system|log)\//],
  [1, /^options\//],
  [0, /^protocol\/|^scoreboard\/|^(?:backoff|delay|errors|monotonic|pace|serialized-error|debug)\.ts$/],
];
const floorOf = (file: string): number | undefined => FLOORS.find(([, where]) => where.test(file))?.[0];

/**
 * The wings of the two big houses, from the top down. A name that ends with `.ts` is a file beside the wings. The empty
 * name stands for all files beside the wings that are not named: the top of the master, and the ground of the worker.
 */
const WINGS: Readonly<Record<string, readonly string[]>> = {
  master: ['', 'numbers', 'crew', 'site', 'tell', 'scoreboard', 'workers', 'access', 'sockets', 'loop', 'common'],
  worker: [
    ...['entry', 'threads', 'lifecycle', 'classes', 'http', 'requests', 'admission', 'handlers', 'connections'],
    ...['worker.ts', 'accept', 'watchdog', 'access', 'insight', 'vitals', ''],
  ],
};
/** At most this many files may stand beside the wings of a house. */
const BESIDE = 8;

/** The house of a file, and the number of its wing, counted from the top. Undefined for a file in neither house. */
function placeOf(file: string): { house: string; wing: number } | undefined {
  const [house = '', first = '', second] = file.split('/');
  const wings = WINGS[house];
  if (wings === undefined) return undefined;
  const named = wings.indexOf(first);
  return { house, wing: second !== undefined || named >= 0 ? named : wings.indexOf('') };
}

const files = readdirSync(LIB, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
/** The files of this project that each file imports. Imports of types and `import()` count too. */
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

for (const [house, wings] of Object.entries(WINGS)) {
  test(`every folder of ${house}/ is a wing with a file, and few files stand beside them`, () => {
    const inside = files.filter((file) => file.startsWith(`${house}/`)).map((file) => file.slice(house.length + 1));
    const folders = new Set(inside.filter((file) => file.includes('/')).map((file) => file.split('/')[0]));
    assert.deepEqual([...folders].sort(), wings.filter((wing) => wing !== '' && !wing.endsWith('.ts')).sort());
    assert.ok(
      inside.filter((file) => !file.includes('/')).length <= BESIDE,
      `${house}/ has more than ${BESIDE} files beside its wings`,
    );
  });
}

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
      const [from, to] = [placeOf(file), placeOf(target)];
      if (from && from.house === to?.house)
        assert.ok(to.wing >= from.wing, `${file} imports ${target}: a wing above its own`);
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

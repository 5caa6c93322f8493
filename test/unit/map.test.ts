import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import ts from 'typescript';

/* The map of docs/DESIGN.md: the files and names that its walks mention are there. */

const ROOT = new URL('../../', import.meta.url);
const design = readFileSync(new URL('docs/DESIGN.md', ROOT), 'utf8');
const stops = [...design.matchAll(/`(lib\/[\w/-]+\.ts):(#?\w+)`/g)].map(([, file = '', name = '']) => ({ file, name }));

/** What a file declares: functions, and the members of classes. */
function declared(file: string): Set<string> {
  const source = ts.createSourceFile(file, readFileSync(new URL(file, ROOT), 'utf8'), ts.ScriptTarget.ESNext);
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    const isOurs = ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node) || ts.isPropertyDeclaration(node);
    if (isOurs && node.name) names.add(node.name.getText(source));
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

test('there are three walks', () => {
  assert.ok(stops.length > 20, `${stops.length} stops`);
});

for (const { file, name } of stops) {
  test(`the map: ${file} has ${name}`, () => assert.ok(declared(file).has(name)));
}

test('each wing is on the map', () => {
  for (const wing of ['crew', 'site', 'tell', 'entry', 'accept', 'vitals'])
    assert.match(design, new RegExp(`\`${wing}/\``));
});

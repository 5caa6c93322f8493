/*
 * The pages for people: the list of the guide has all of its pages, and figures stand where they are said to.
 * links.test.ts checks the links.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const GUIDE = readdirSync(join(ROOT, 'docs/guide')).map((page) => `docs/guide/${page}`);

test('the guide has a row for each of its pages', () => {
  const rows = new Set([...read('docs/guide/README.md').matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, page]) => page));
  for (const page of GUIDE) assert.ok(page.endsWith('/README.md') || rows.has(page.slice('docs/guide/'.length)), page);
});

const cells = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

/** The cells of each row in a section of the results. */
function rowsOf(section: string): string[][] {
  const parts = read('bench/RESULTS.md').split(/^## /m);
  const part = parts.find((text) => new RegExp(`^${section}\\b`).test(text));
  assert.ok(part, `a section ${section}`);
  return part
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map(cells);
}

test('each figure of guide/compared.md stands in bench/RESULTS.md', () => {
  const FIGURE = /\d+(?:\.\d+)? \(\d[\d.]*-\d[\d.]*\)/g;
  const page = read('docs/guide/compared.md');
  const tables = page
    .slice(page.indexOf('## Measured'))
    .split('\n')
    .filter((line) => /^\| (?!section|-)/.test(line));
  let figures = 0;
  for (const line of tables) {
    const [section = '', row = '', figure = ''] = cells(line);
    const rows = rowsOf(section).filter((candidate) => row.split('; ').every((name) => candidate.includes(name)));
    for (const one of figure.split('; ')) {
      assert.ok(
        rows.some((candidate) => candidate.includes(one)),
        line,
      );
      figures++;
    }
  }
  assert.ok(figures > 25, `${figures} figures`);
  // Outside its tables, the page has no figures.
  const text = page
    .split('\n')
    .filter((line) => !tables.includes(line))
    .join('\n');
  assert.deepEqual(text.match(FIGURE), null);
});

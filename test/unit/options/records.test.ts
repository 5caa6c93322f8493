import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import ts from 'typescript';
import type { OptionRecord } from '../../../build/options/record.js';
import { OPTIONS, SUBJECTS, validateOptions } from '../../../build/options/validate.js';

/*
 * An option is described twice: in its record, and in the TSDoc that users read. These tests hold the two together, and
 * the guide to both.
 */

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const GUIDE = join(ROOT, 'docs/guide');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** What the TSDoc of an option says. */
interface Said {
  readonly about: string;
  readonly defaultValue: string;
}

const said = readTypes(read('lib/options/types.ts'));

function readTypes(text: string): ReadonlyMap<string, Said> {
  const source = ts.createSourceFile('types.ts', text, ts.ScriptTarget.Latest, true);
  const options = source.statements
    .filter(ts.isInterfaceDeclaration)
    .find(({ name }) => name.text === 'ArbiterOptions');
  const oneLine = (comment: ts.JSDoc['comment']): string =>
    (ts.getTextOfJSDocComment(comment) ?? '')
      .replace(/\{@link (?:ArbiterOptions\.)?(\w+)\}/g, '`$1`')
      .replace(/\s+/g, ' ')
      .trim();
  return new Map(
    options?.members.map((member) => {
      const [doc] = ts.getJSDocCommentsAndTags(member).filter(ts.isJSDoc);
      const tag = ts.getJSDocTags(member).find(({ tagName }) => tagName.text === 'defaultValue');
      const name = (member.name as ts.Identifier).text;
      return [name, { about: oneLine(doc?.comment), defaultValue: oneLine(tag?.comment) }];
    }),
  );
}

const defaultOf = ({ defaultText, defaultValue }: OptionRecord): string =>
  defaultText ?? `\`${inspect(defaultValue)}\``;

test('there is one record of each option of the public type, and of nothing else', () => {
  const names = SUBJECTS.flatMap(([, records]) => Object.keys(records));
  assert.ok(names.length > 30, 'the type is found');
  assert.deepEqual([...names].sort(), [...said.keys()].sort());
  assert.deepEqual([...OPTIONS.keys()], names);
});

/** Whether a text has this as a sentence, or as the beginning of a sentence up to a comma or the like. */
function isSaidIn(text: string, sentence: string): boolean {
  const at = ` ${text}`.indexOf(` ${sentence}`);
  const before = text.slice(0, Math.max(0, at));
  return at >= 0 && /(?:^|[.:] )$/.test(before) && /^(?:[.,;:]| \()/.test(text.slice(at + sentence.length));
}

/**
 * How TSDoc says what numbers count. As the interface says, durations are milliseconds wherever nothing else is said.
 */
const UNITS: Readonly<Record<string, RegExp>> = {
  bytes: /\bbytes of\b/i,
  MB: /\bmegabytes\b/,
  ms: /^How long\b|^Of Node's `http.Server`: how long\b/,
};

for (const [name, record] of OPTIONS) {
  const { about = '', defaultValue = '' } = said.get(name) ?? {};

  test(`${name}: the TSDoc says what the record says`, () => {
    for (const sentence of record.about.slice(0, -1).split('. ')) {
      assert.ok(isSaidIn(about, sentence), `${sentence}\nis not in: ${about}`);
    }
  });

  test(`${name}: the TSDoc says the default of the record`, () => {
    // The application has no default, and its type says that it is required.
    if (name === 'app') assert.equal(defaultValue, '');
    else assert.equal(defaultValue, defaultOf(record));
  });

  test(`${name}: the TSDoc says the unit of the record`, () => {
    const units = Object.keys(UNITS).filter((unit) => UNITS[unit]?.test(about));
    assert.deepEqual(units, record.kind.unit === undefined ? [] : [record.kind.unit]);
  });

  test(`${name}: the TSDoc says the name that Gunicorn has for it`, () => {
    const [, names] = /Gunicorn: (`\w+`(?:, `\w+`)*)/.exec(about) ?? [];
    assert.equal(names?.replaceAll('`', ''), record.gunicorn);
  });

  test(`${name}: the record is fit to be shown`, () => {
    assert.match(record.about, /^[A-Z].{8,200}\.$/);
    const { defaultText, defaultValue: value } = record;
    // A default that is found out only when it is needed, or that does not exist, can be shown only by this text.
    assert.equal(defaultText !== undefined, value === undefined || typeof value === 'function', 'defaultText');
    for (const { with: other } of record.contradicts ?? []) assert.ok(OPTIONS.has(other), other);
  });
}

test('each option is in the resolved ones, where its record says', () => {
  const resolved = validateOptions({ app: './app.js' });
  const http = ['server', ...Object.keys(resolved.http)];
  for (const [name, { part, defaultValue }] of OPTIONS) {
    if (part === undefined) assert.ok(Object.hasOwn(resolved, name), name);
    else if (part === 'http') assert.ok(http.includes(name) || defaultValue === undefined, name);
    else assert.equal(Object.hasOwn(resolved[part], name), defaultValue !== undefined, name);
  }
});

test('docs/guide/options.md is what the records make it', () => {
  const made = execFileSync(process.execPath, [join(ROOT, 'docs/options-page.mjs')], { encoding: 'utf8' });
  assert.ok(made === read('docs/guide/options.md'), 'stale: npm run docs:options');
});

test('tables of the guide that show defaults show those of the records', () => {
  let rows = 0;
  for (const page of readdirSync(GUIDE).filter((name) => name !== 'options.md')) {
    const lines = readFileSync(join(GUIDE, page), 'utf8').split('\n');
    for (const [index, line] of lines.entries()) {
      if (!/^\| option +\| default +\|/.test(line)) continue;
      for (const row of lines.slice(index + 2)) {
        const [, name, shown] = /^\| `(\w+)` +\| (.*?) +\|/.exec(row) ?? [];
        const record = [...OPTIONS].find(([option]) => option === name)?.[1];
        if (record === undefined) break;
        assert.equal(shown, defaultOf(record), `${page}: ${name}`);
        rows++;
      }
    }
  }
  assert.ok(rows > 0, 'the tables are found');
});

/*
 * No link in what people read is dead: its file is there, and so is its heading. Nothing is requested over the network.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { isElsewhere, linksOf, textOf } from '../helpers/links.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const inFolder = (folder: string, recursive: boolean): string[] =>
  readdirSync(join(ROOT, folder), { recursive, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(ROOT, folder, name));
const pages = [...inFolder('.', false), ...inFolder('docs', true), ...inFolder('bench', true)];

/**
 * The anchors of a page as GitHub makes them: the words in small letters, without punctuation, spaces as dashes, and
 * with a number appended if the anchor is there already.
 */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of textOf(page).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, '');
    const slug = words
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{Pc} -]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Why a link is dead. Undefined if it is not. */
function deadness(page: string, link: string): string | undefined {
  if (isElsewhere(link)) return undefined;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : join(dirname(page), decodeURI(path));
  if (!existsSync(target)) return 'there is no such file';
  if (anchor === undefined) return undefined;
  if (statSync(target).isDirectory() || !target.endsWith('.md')) return 'an anchor of what is no page';
  return anchorsOf(target).has(anchor) ? undefined : 'there is no such heading';
}

test('the pages are found', () => assert.ok(pages.length > 25, `${pages.length}`));

for (const page of pages) {
  test(`${relative(ROOT, page)} has no dead link`, () => {
    const dead = linksOf(page).flatMap((link) => deadness(page, link)?.concat(`: ${link}`) ?? []);
    assert.deepEqual(dead, []);
  });
}

test('each test that a page names is there', () => {
  const there = new Set(
    readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' }).map((path) => basename(path)),
  );
  for (const page of pages) {
    const named = [...readFileSync(page, 'utf8').matchAll(/`(?:[\w./-]*\/)?([\w-]+\.test\.ts)`/g)].map(
      ([, name = '']) => name,
    );
    assert.deepEqual(
      named.filter((name) => !there.has(name)),
      [],
      relative(ROOT, page),
    );
  }
});

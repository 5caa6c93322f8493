/*
 * The scripts of bench/ are run by hand, and nothing compiles them. So this test checks that what they import is there.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

const BENCH = join(import.meta.dirname, '../../bench');
const IMPORT = /^import \{(?<names>[^}]+)\} from '(?<from>\.{1,2}\/[^']+)';$/gms;

test('what the benchmarks import exists', async () => {
  const scripts = readdirSync(BENCH, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.mjs'));
  assert.ok(scripts.length > 20);
  let imports = 0;
  for (const script of scripts) {
    const url = pathToFileURL(join(BENCH, script));
    for (const { groups } of readFileSync(url, 'utf8').matchAll(IMPORT)) {
      const from = new URL(groups?.['from'] ?? '', url);
      // Importing another script of bench/ would run it.
      if (!/\/(?:build|harness)\//.test(from.pathname)) continue;
      const exported = Object.keys(await import(from.href));
      const names = (groups?.['names'] ?? '').split(',').map((name) => name.trim().replace(/ as .*/, ''));
      for (const name of names.filter(Boolean)) {
        assert.ok(exported.includes(name), `bench/${script} imports ${name} from ${groups?.['from']}`);
        imports++;
      }
    }
  }
  assert.ok(imports > 50, `${imports}`);
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

test('what the package exports is what docs/api-report.md says, each name with a doc: npm run docs:api', async () => {
  // The script throws for a name without a doc.
  const made = execFileSync(process.execPath, [join(ROOT, 'docs/api-report.mjs')], { encoding: 'utf8' });
  assert.equal(made, readFileSync(join(ROOT, 'docs/api-report.md'), 'utf8'));
  // The report also has every value that a program can import.
  for (const name of Object.keys(await import('prefork'))) assert.match(made, new RegExp(`^### ${name}$`, 'm'));
});

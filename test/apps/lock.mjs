// Writes the package-lock.json of an application anew: node test/apps/lock.mjs NAME [arguments of npm install]
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [name, ...rest] = process.argv.slice(2);
const place = mkdtempSync(join(tmpdir(), 'prefork-lock-'));
const source = join(import.meta.dirname, name);
const folder = join(place, 'app');

function npm(cwd, ...args) {
  const { status } = spawnSync('npm', args, { cwd, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

try {
  cpSync(source, folder, { recursive: true });
  npm(join(source, '../../..'), 'pack', '--ignore-scripts', '--silent', '--pack-destination', place);
  const { version } = JSON.parse(readFileSync(join(source, '../../../package.json'), 'utf8'));
  renameSync(join(place, `prefork-${version}.tgz`), join(folder, 'prefork.tgz'));
  npm(folder, 'install', '--package-lock-only', '--no-audit', '--no-fund', ...rest);
  const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'));
  // The tarball of this library differs with each commit. All else is pinned, including this library's dependencies.
  delete lock.packages['node_modules/prefork'].integrity;
  writeFileSync(join(source, 'package-lock.json'), `${JSON.stringify(lock, undefined, 2)}\n`);
  cpSync(join(folder, 'package.json'), join(source, 'package.json'));
} finally {
  rmSync(place, { recursive: true, force: true });
}

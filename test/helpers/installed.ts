import { execSync } from 'node:child_process';
import { copyFileSync, cpSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { APPS, type Application } from './applications.js';
import { temporaryFolder } from './place.js';
import { npm, pack } from './project.js';

/**
 * Copies an application out of this project, so that it finds no package but its own, and installs it: this library as
 * it would be published, all others as its lock says. Builds it where the guide says so.
 */
export function installed(t: Pick<TestContext, 'after'>, name: string, { build, env }: Application): string {
  const folder = join(temporaryFolder(t as TestContext), name);
  cpSync(join(APPS, name), folder, {
    recursive: true,
    filter: (path) => !/node_modules|\.tgz$/.test(path.slice(APPS.length)),
  });
  const place = temporaryFolder(t as TestContext);
  copyFileSync(join(place, pack(place).filename), join(folder, 'prefork.tgz'));
  npm(folder, 'ci', '--prefer-offline');
  if (build === undefined) return folder;
  // Its build tools must run on the Node that runs this.
  const PATH = [dirname(process.execPath), process.env['PATH']].join(delimiter);
  execSync(build, { cwd: folder, stdio: 'pipe', timeout: 300_000, env: { ...process.env, ...env, PATH } });
  return folder;
}

import { mkdirSync, realpathSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { fixture } from './host.js';
import { temporaryFolder } from './place.js';

const DEPLOY = pathToFileURL(fixture('deploy.js')).href;

/** The source of a module whose application names this version. */
export function source(version: string): string {
  return `import { release } from '${DEPLOY}';\nexport default release('${version}');\n`;
}

/** Folders with an `app.mjs` each, behind a link `current`. */
export class Releases {
  readonly folder: string;
  /** The link. */
  readonly current: string;
  readonly #after: string[] = [];

  /** Release `1` is deployed. */
  constructor(t: TestContext) {
    this.folder = realpathSync(temporaryFolder(t));
    this.current = join(this.folder, 'current');
    this.release('1', source('1'));
  }

  /** Writes a release, and turns the link to it, at once as deploys do. */
  release(name: string, code = source(name), file = 'app.mjs'): void {
    mkdirSync(join(this.folder, name), { recursive: true });
    writeFileSync(join(this.folder, name, file), code);
    this.deploy(name);
  }

  /** Turns the link to a release, which may be missing. */
  deploy(name: string): void {
    const next = join(this.folder, `next-${this.#after.push(name)}`);
    symlinkSync(name, next);
    renameSync(next, this.current);
  }
}

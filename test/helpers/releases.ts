import { mkdirSync, realpathSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { fixture } from './host.js';
import { temporaryFolder } from './place.js';
import { PROJECT } from './project.js';

const DEPLOY = pathToFileURL(fixture('deploy.js')).href;

/** The source of a module whose application names this version. */
export function source(version: string): string {
  return `import { release } from '${DEPLOY}';\nexport default release('${version}');\n`;
}

/** The source of a module that waits until a {@link LoadGate} lets it pass, and then runs this code. */
export function gated(code: string): string {
  return [
    "import { once } from 'node:events';",
    "import { connect } from 'node:net';",
    "const gate = connect(Number(process.env.GATE), '127.0.0.1').resume();",
    'gate.write(String(process.pid));',
    "await once(gate, 'close');",
    code,
  ].join('\n');
}

/** The source of a host's script with this version as its inline application. */
export function hostSource(version: string): string {
  const url = (path: string): string => pathToFileURL(path).href;
  return [
    `import { Arbiter } from '${url(join(PROJECT, 'dist/index.js'))}';`,
    `import { drive } from '${url(fixture('drive.js'))}';`,
    `import { release } from '${DEPLOY}';`,
    `drive(new Arbiter({ ...JSON.parse(process.argv[2]), app: release('${version}') }));`,
  ].join('\n');
}

/** Folders with an `app.mjs` each, and a symbolic link `current` to one of them. */
export class Releases {
  readonly folder: string;
  /** The path of the link. */
  readonly current: string;
  readonly #after: string[] = [];

  /** Deploys release `1`. */
  constructor(t: TestContext) {
    this.folder = realpathSync(temporaryFolder(t));
    this.current = join(this.folder, 'current');
    this.release('1', source('1'));
  }

  /** Writes a release, and turns the link to it atomically, as deploys do. */
  release(name: string, code = source(name), file = 'app.mjs'): void {
    mkdirSync(join(this.folder, name), { recursive: true });
    writeFileSync(join(this.folder, name, file), code);
    this.deploy(name);
  }

  /** Turns the link to a release, which need not exist. */
  deploy(name: string): void {
    const next = join(this.folder, `next-${this.#after.push(name)}`);
    symlinkSync(name, next);
    renameSync(next, this.current);
  }
}

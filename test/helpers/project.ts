import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fixture } from './host.js';

/** The folder of this project. */
export const PROJECT: string = fixture('../..');

/** Runs npm in a folder. Throws with its output if it fails. */
export function npm(folder: string, ...args: string[]): string {
  // The runner of the tests has removed these certificates from the environment of all other programs.
  const certificates = process.env['TEST_EXTRA_CA_CERTS'];
  return execFileSync('npm', ['--no-audit', '--no-fund', '--loglevel=error', ...args], {
    cwd: folder,
    encoding: 'utf8',
    // An `npm test` that runs this would pass its own settings on.
    env: {
      ...Object.fromEntries(
        Object.entries(process.env).filter(([name]) => !/^npm_(?!config_(cache|registry))/i.test(name)),
      ),
      ...(certificates && { NODE_EXTRA_CA_CERTS: certificates }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

export interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
  /** Bytes: the size of the tarball, and of its contents. */
  readonly size: number;
  readonly unpackedSize: number;
}

/**
 * Packs this project as it is built. It must not be built here, which would replace the files under the tests that run
 * at the same time.
 */
export function pack(folder: string): Packed {
  const [packed] = JSON.parse(npm(PROJECT, 'pack', '--json', '--ignore-scripts', '--pack-destination', folder));
  return packed;
}

/**
 * Makes TypeScript projects, one of each type, with the tarball as their common dependency and the same source:
 * `TYPE/service.ts`.
 */
export function createDependents(
  folder: string,
  types: readonly ('module' | 'commonjs')[],
  tarball: string,
  source: string,
): void {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'dependent', private: true }));
  const compilerOptions = {
    target: 'es2023',
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    typeRoots: [join(PROJECT, 'node_modules/@types')],
    types: ['node'],
  };
  // Compiled together: each file is of the type that the nearest package.json says.
  const files = types.map((type) => `${type}/service.ts`);
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  for (const type of types) {
    mkdirSync(join(folder, type));
    writeFileSync(join(folder, type, 'package.json'), JSON.stringify({ name: type, private: true, type }));
    writeFileSync(join(folder, type, 'service.ts'), source);
  }
  npm(folder, 'install', '--prefer-offline', tarball);
}

/** Compiles a project with the TypeScript of this one. Throws with what the compiler complains about. */
export function compile(folder: string): void {
  const tsc = join(PROJECT, 'node_modules/typescript/bin/tsc');
  try {
    execFileSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  } catch (error) {
    throw new Error((error as { stdout: string }).stdout);
  }
}

/** The executable of another version of node, fetched by npm once. */
export function nodeOfVersion(folder: string, version: string): string {
  return npm(
    folder,
    'exec',
    '--yes',
    '--prefer-offline',
    `--package=node@${version}`,
    '--',
    'node',
    '-p',
    'process.execPath',
  ).trim();
}

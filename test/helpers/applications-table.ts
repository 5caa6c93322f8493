import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuiltInClass } from 'prefork';
import { APPS, type Application } from './applications.js';

const CLASSES: readonly BuiltInClass[] = ['sync', 'threaded', 'async'];
/** The newer versions of Node that the applications are run on, beside the oldest one that each supports. */
const NEWER = [24, 26];

/** The table of what was run, in markdown. A version that fails is left out of its cell. */
export function tableOf(all: ReadonlyMap<string, Application>): string {
  const sorted = [...all].sort(([, a], [, b]) => a.told.as.localeCompare(b.told.as));
  const rows = sorted.map(([name, application]) => rowOf(name, application));
  return [
    `| application | versions | ${CLASSES.map((name) => `\`${name}\``).join(' | ')} | |`,
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function rowOf(name: string, application: Application): string {
  const { told, fails, leftOut } = application;
  const { packages } = JSON.parse(readFileSync(join(APPS, name, 'package-lock.json'), 'utf8'));
  const versions = told.packages.map((name) => `${name} ${packages[`node_modules/${name}`].version}`);
  const why = [leftOut, fails?.why].filter((text) => text !== undefined).join('; ');
  const cells = [told.as, versions.join(', '), ...CLASSES.map((name) => cellOf(application, name)), why];
  return `| ${cells.join(' | ')} |`;
}

function cellOf({ node: [major, minor], classes, fails }: Application, workerClass: BuiltInClass): string {
  if (!classes.includes(workerClass)) return '';
  const broken = fails?.classes.includes(workerClass) ? fails.node : undefined;
  const oldest = major === broken ? [] : [major === 20 ? '20' : `${major} (from ${major}.${minor})`];
  return [...oldest, ...NEWER.filter((version) => version !== broken)].join(', ');
}

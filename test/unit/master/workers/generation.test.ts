import assert from 'node:assert/strict';
import { mkdirSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Generation, newGeneration } from '../../../../build/master/workers/generation.js';
import { validateOptions } from '../../../../build/options/validate.js';
import { commandLine, workingFolder } from '../../../../build/options/working-folder.js';
import { temporaryFolder } from '../../../helpers/place.js';

/**
 * Folders `releases/1` and `releases/2` with an `app.mjs`, and a link `current` to the first. `deploy` points the link
 * to another release.
 */
function releases(t: TestContext): { folder: string; deploy: (name: string) => void } {
  const folder = realpathSync(temporaryFolder(t));
  for (const release of ['1', '2']) {
    mkdirSync(join(folder, 'releases', release), { recursive: true });
    writeFileSync(join(folder, 'releases', release, 'app.mjs'), '');
  }
  const deploy = (name: string): void => {
    symlinkSync(join('releases', name), join(folder, 'next'));
    renameSync(join(folder, 'next'), join(folder, 'current'));
  };
  deploy('1');
  return { folder, deploy };
}

const generation = (number: number, options: object): Generation =>
  newGeneration(number, validateOptions({ execArgv: [], ...options }));
const inFolder = (t: TestContext, folder: string, PWD?: string): void => {
  const before = { cwd: process.cwd(), PWD: process.env['PWD'] };
  t.after(() => {
    process.chdir(before.cwd);
    process.env['PWD'] = before.PWD;
  });
  process.chdir(folder);
  if (PWD === undefined) delete process.env['PWD'];
  else process.env['PWD'] = PWD;
};

test('a relative module is looked up in the folder that the link leads to', (t) => {
  const { folder, deploy } = releases(t);
  const options = { app: './app.mjs', cwd: join(folder, 'current') };
  const first = generation(1, options);
  deploy('2');
  const second = generation(2, options);
  assert.deepEqual(
    [first, second].map(({ number, cwd, app }) => [number, cwd, app]),
    [
      [1, join(folder, 'releases/1'), './app.mjs'],
      [2, join(folder, 'releases/2'), './app.mjs'],
    ],
  );
});

test('a path through the link, of an application or of a class, is that of the file, with what follows it', (t) => {
  const { folder, deploy } = releases(t);
  const url = (release: string): string => pathToFileURL(join(folder, 'releases', release, 'app.mjs')).href;
  const through = join(folder, 'current/app.mjs');
  deploy('2');
  for (const [given, pinned] of [
    [through, url('2')],
    [`${through}#named`, `${url('2')}#named`],
    [pathToFileURL(through).href, url('2')],
    [`${pathToFileURL(through).href}?version=7#named`, `${url('2')}?version=7#named`],
  ] as const) {
    assert.equal(generation(1, { app: given }).app, pinned);
    assert.equal(generation(1, { app: './x.mjs', workerClass: given }).workerClass, pinned);
  }
});

test('a module that is itself a link is that file, also from a folder that is none', (t) => {
  const { folder } = releases(t);
  symlinkSync('releases/1/app.mjs', join(folder, 'app.mjs'));
  const { href } = pathToFileURL(join(folder, 'releases/1/app.mjs'));
  assert.equal(generation(1, { app: './app.mjs#x', cwd: folder }).app, `${href}#x`);
});

test('what leads nowhere, and what is no path, stays as it was given', (t) => {
  const { folder } = releases(t);
  symlinkSync('nowhere', join(folder, 'dangling'));
  for (const app of ['./missing.mjs', join(folder, 'dangling'), 'a-package', '@scope/a-package/app#x']) {
    assert.equal(generation(1, { app, cwd: folder }).app, app);
  }
  const gone = join(folder, 'gone');
  assert.equal(generation(1, { app: './app.mjs', cwd: gone }).cwd, gone);
  assert.equal(generation(1, { app: './x', workerClass: 'threaded' }).workerClass, 'threaded');
});

test('with a flag that preserves links nothing is followed', (t) => {
  const { folder } = releases(t);
  const cwd = join(folder, 'current');
  for (const execArgv of [['--preserve-symlinks'], ['--preserve-symlinks-main']]) {
    const { app, ...pinned } = generation(1, { app: join(cwd, 'app.mjs'), cwd, execArgv });
    assert.deepEqual([app, pinned.cwd], [join(cwd, 'app.mjs'), cwd]);
  }
});

test('the environment is that of the moment', (t) => {
  t.after(() => delete process.env['PREFORK_TEST']);
  process.env['PREFORK_TEST'] = 'before';
  const { env } = generation(1, { app: './x', env: { OWN: '1' } });
  process.env['PREFORK_TEST'] = 'after';
  assert.deepEqual([env['PREFORK_TEST'], env['OWN']], ['before', '1']);
});

test("a host's script behind a link is the one that it leads to", (t) => {
  const { folder, deploy } = releases(t);
  const script = process.argv[1] as string;
  t.after(() => {
    process.argv[1] = script;
  });
  process.argv[1] = join(folder, 'current/app.mjs');
  const options = { app: () => undefined, workerClass: 'sync' };
  const scriptOf = ({ command }: Generation): string | undefined =>
    command.args.find((argument) => argument.endsWith('app.mjs'));
  assert.equal(scriptOf(generation(1, options)), join(folder, 'releases/1/app.mjs'));
  deploy('2');
  assert.equal(scriptOf(generation(2, options)), join(folder, 'releases/2/app.mjs'));
});

test('the working folder has the name that the user went to', (t) => {
  const { folder, deploy } = releases(t);
  const [current, first] = [join(folder, 'current'), join(folder, 'releases/1')];
  inFolder(t, current, current);
  assert.equal(workingFolder(), current);
  // Here PWD says what is not true, or is not the name of a folder at all.
  for (const PWD of [join(folder, 'releases/2'), 'current', '', join(folder, 'missing')]) {
    process.env['PWD'] = PWD;
    assert.equal(workingFolder(), first, PWD);
  }
  delete process.env['PWD'];
  assert.equal(workingFolder(), first);
  process.env['PWD'] = current;
  deploy('2');
  assert.equal(workingFolder(), first);
  rmSync(current);
  assert.equal(workingFolder(), first);
});

test('options keep that name, and a relative folder is below it', (t) => {
  const { folder } = releases(t);
  const current = join(folder, 'current');
  inFolder(t, current, current);
  assert.equal(validateOptions({ app: './app.mjs' }).cwd, current);
  assert.equal(validateOptions({ app: './app.mjs', cwd: 'sub' }).cwd, join(current, 'sub'));
  assert.equal(validateOptions({ app: './app.mjs', cwd: folder }).cwd, folder);
});

test('a relative script has that name too', (t) => {
  const { folder } = releases(t);
  const [program = '', script = '', ...args] = process.argv;
  t.after(() => {
    process.argv[1] = script;
  });
  const current = join(folder, 'current');
  inFolder(t, current, current);
  process.argv[1] = join(folder, 'releases/1/app.mjs');
  assert.deepEqual(commandLine(), [program, join(current, 'app.mjs'), ...args]);
  delete process.env['PWD'];
  assert.deepEqual(commandLine(), [program, join(folder, 'releases/1/app.mjs'), ...args]);
  process.env['PWD'] = current;
  process.argv[1] = '/elsewhere/server.js';
  assert.deepEqual(commandLine(), process.argv);
});

test('the flags of node that count are those that the workers have in their environment', () => {
  const beginning = (env: object, environment: NodeJS.ProcessEnv): boolean => {
    const options = validateOptions({ app: () => undefined, execArgv: [], env });
    return newGeneration(1, options, environment).command.args.includes('--require');
  };
  assert.equal(beginning({}, { NODE_OPTIONS: '-r ./a.cjs' }), true);
  assert.equal(beginning({ NODE_OPTIONS: '-r ./a.cjs' }, {}), true);
  assert.equal(beginning({ NODE_OPTIONS: '' }, { NODE_OPTIONS: '-r ./a.cjs' }), false);
});

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const list = (folder: string, ending: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(folder, file));

const RUNTIME = ['debug', 'eventemitter3', 'signal-exit'];
const OPTIONAL_PEERS = ['@hono/node-server'];
const LONGEST_FILE = 300;

test('the runtime dependencies are exactly these', () => {
  const { dependencies, peerDependencies, peerDependenciesMeta, optionalDependencies } = JSON.parse(
    read('package.json'),
  );
  assert.deepEqual(Object.keys(dependencies).sort(), RUNTIME);
  assert.equal(optionalDependencies, undefined);
  assert.deepEqual(Object.keys(peerDependencies), OPTIONAL_PEERS);
  for (const name of OPTIONAL_PEERS) assert.equal(peerDependenciesMeta[name].optional, true, name);
});

test('the library imports nothing but Node and its dependencies', () => {
  for (const file of list('lib', '.ts')) {
    for (const { fileName } of ts.preProcessFile(read(file)).importedFiles) {
      const known =
        fileName.startsWith('.') || fileName.startsWith('node:') || [...RUNTIME, ...OPTIONAL_PEERS].includes(fileName);
      assert.ok(known, `${file} imports ${fileName}`);
    }
  }
});

test('an optional peer is imported in one place, when it is needed, and in no declaration', () => {
  for (const peer of OPTIONAL_PEERS) {
    const naming = list('lib', '.ts').filter((file) => read(file).includes(`'${peer}'`));
    assert.deepEqual(naming, ['lib/worker/handlers/fetch-handler.ts']);
    for (const file of naming) assert.doesNotMatch(read(file), new RegExp(`\\b(?:from|import) '${peer}'`));
    for (const file of list('dist', '.d.ts')) assert.ok(!read(file).includes(`'${peer}'`), file);
  }
});

test('index.ts is named exports and nothing else', () => {
  const source = ts.createSourceFile('index.ts', read('lib/index.ts'), ts.ScriptTarget.Latest);
  for (const statement of source.statements) {
    const text = statement.getText(source);
    assert.ok(ts.isExportDeclaration(statement), text);
    // `export * from` would publish whatever is added to that file.
    assert.ok(statement.exportClause && ts.isNamedExports(statement.exportClause), text);
    for (const { name } of statement.exportClause.elements) assert.notEqual(name.text, 'default', text);
  }
});

test('the values that the package exports', async () => {
  assert.deepEqual(Object.keys(await import('prefork')).sort(), [
    'Arbiter',
    'ArbiterError',
    'AsyncWorker',
    'HttpWorker',
    'SyncWorker',
    'ThreadedWorker',
    'Worker',
    'defineConfig',
    'worker',
  ]);
});

test('its classes have their names', async () => {
  for (const [name, value] of Object.entries(await import('prefork')))
    if (typeof value === 'function') assert.equal(value.name, name);
});

test('each module is in one file of the package, but for what the thread of the watchdog has of its own', () => {
  const code = list('dist', '.js').filter((file) => !file.endsWith('thread.js'));
  assert.equal(code.length, 16, code.join());
  // The bundler writes this line before each module, and once more before the module's imports.
  const modulesOf = (text: string) => new Set([...text.matchAll(/^\/\/ build\/(\S+)$/gm)].map(([, path]) => path));
  const modules = code.flatMap((file) => [...modulesOf(read(file))]);
  assert.ok(modules.length > 100, `${modules.length} modules`);
  assert.deepEqual(modules.sort(), [...new Set(modules)].sort());
});

test('the control is loaded by who asks for one, and brings nothing else along', () => {
  for (const file of list('dist', '.js')) {
    const imports = [...read(file).matchAll(/^(?:import|export) .*?from "(?<from>[^"]+)";$/gm)].map(
      ([, from = '']) => from,
    );
    const own = imports.filter((from) => from.startsWith('.'));
    if (file === 'dist/control/server.js') assert.deepEqual(own, []);
    else assert.ok(!own.some((from) => from.includes('control')), file);
  }
});

test('a worker loads four files, so does a host until it starts, and nothing of the command or of what a master works with is in them', () => {
  const loaded = (path: string, all = new Set<string>()): Set<string> => {
    if (all.has(path)) return all;
    all.add(path);
    // Modules that are imported only when they are needed do not count.
    for (const [, name = ''] of read(path).matchAll(/^(?:import |\} from |import .* from )"(\.[^"]+)";$/gm))
      loaded(join(path, '..', name), all);
    return all;
  };
  const worker = loaded('dist/worker/entry/prelude.js', loaded('dist/worker/entry/main.js'));
  assert.equal(worker.size, 4, [...worker].join());
  const host = loaded('dist/index.js');
  assert.equal(host.size, 4, [...host].join());
  for (const file of [...worker, ...host])
    assert.doesNotMatch(
      read(file),
      /^\/\/ build\/(?:cli|control|master\/(?:crew|workers\/worker-handle|site\/site))/m,
      file,
    );
});

test('no declaration needs the types of debug, which users do not have', () => {
  const declarations = list('dist', '.d.ts');
  assert.ok(declarations.length > 20, 'the build is found');
  for (const file of declarations) {
    const text = read(file);
    const names = ts.preProcessFile(text).importedFiles.map(({ fileName }) => fileName);
    assert.ok(!names.includes('debug') && !text.includes('types="debug"'), file);
    // The name of the type that the compiler would write for a function of debug. Node's inspector has one of that name
    // too.
    if (!names.includes('node:inspector')) assert.doesNotMatch(text, /\bDebugger\b/, file);
  }
});

for (const file of list('lib', '.ts')) {
  test(`${file} is at most ${LONGEST_FILE} lines`, () => {
    const lines = read(file).trimEnd().split('\n').length;
    assert.ok(lines <= LONGEST_FILE, `${lines} lines`);
  });
}

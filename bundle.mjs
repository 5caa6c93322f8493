/*
 * Makes the package's code, dist/, from what the compiler has written to build/. It is the same code in few files: each
 * file costs the process that loads it about half a millisecond of CPU, and there are as many processes as workers. The
 * code is not minified, since people read it in stack traces.
 *
 * A file that is loaded by its name keeps its name. Every other module, and so each module that has state, is in
 * exactly one file, which these files share.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build } from 'esbuild';
import ts from 'typescript';

/** The files that are loaded by name, in the order in which a worker loads them. */
const ENTRIES = [
  ...['worker/entry/prelude.js', 'worker/entry/main.js', 'index.js'],
  ...['master/opening.js', 'control/attach.js', 'control/server.js'],
  ...['cli/main.js', 'cli/probe.js'],
];

const COMMON = {
  absWorkingDir: import.meta.dirname,
  bundle: true,
  outdir: 'dist',
  outbase: 'build',
  write: false,
  metafile: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  packages: 'external',
  // package.json has `sideEffects: false` for those who bundle the package. Here, modules that are imported for their
  // side effects must stay.
  ignoreAnnotations: true,
  logLevel: 'warning',
};

/*
 * Files that only a running process loads, after the files named here, which it has loaded by then. The bundler takes
 * each of them for a program's first file. It would move what they share with others from the large files to some ten
 * small ones, which every worker would have to load. So an import tells it what is loaded already.
 */
const LATER = {
  'master/opening.js': ['../arbiter.js'],
  'control/attach.js': ['../arbiter.js', '../master/opening.js'],
};
const loadedBefore = {
  name: 'loaded before',
  setup({ onLoad }) {
    for (const [file, before] of Object.entries(LATER)) {
      const path = join(import.meta.dirname, 'build', file);
      onLoad({ filter: new RegExp(`/build/${file.replace('.', '\\.')}$`) }, () => ({
        contents: `${before.map((name) => `import '${name}';\n`).join('')}${readFileSync(path, 'utf8')}`,
      }));
    }
  },
};

const { outputFiles, metafile } = await build({
  ...COMMON,
  entryPoints: ENTRIES.map((entry) => `build/${entry}`),
  splitting: true,
  chunkNames: '[name]-[hash]',
  plugins: [loadedBefore],
});
// The watchdog's thread has its own instances of all modules. It shares nothing, and so is one file. That is CommonJS,
// since to start the loader of ES modules in one more thread costs each worker some milliseconds of CPU as it boots.
const watchdog = await build({
  ...COMMON,
  entryPoints: ['build/worker/watchdog/thread.js'],
  format: 'cjs',
  banner: { js: "const thisFile = require('node:url').pathToFileURL(__filename).href;" },
  define: { 'import.meta.url': 'thisFile' },
});

/** New names for shared files, which the bundler calls `chunk-…`: that of the first entry that needs them. */
function readableNames({ outputs }) {
  const needs = (entry, path) => outputs[`dist/${entry}`].imports.some((needed) => needed.path === path);
  const chunks = Object.keys(outputs).filter((path) => basename(path).startsWith('chunk-'));
  return chunks.map((path) => {
    const first = ENTRIES.find((entry) => needs(entry, path)) ?? ENTRIES[0];
    const name = basename(path, '.js');
    return [name, name.replace(/^chunk/, basename(first, '.js'))];
  });
}

/** The control's page as one file: its markup, with the styles and the script in place of two comments. */
async function assemblePage() {
  const folder = join(import.meta.dirname, 'lib/control/page');
  const read = (name) => readFileSync(join(folder, name), 'utf8');
  const settings = { format: 'iife', platform: 'browser', target: 'es2022', entryPoints: [join(folder, 'page.js')] };
  const script = await build({ ...COMMON, ...settings });
  return read('page.html')
    .replace('<!-- styles -->', () => `<style>\n${read('style.css')}${read('workers.css')}</style>`)
    .replace('<!-- script -->', () => `<script>\n${script.outputFiles[0].text}</script>`);
}

/** The declaration file at a path in build/, and all that it imports, directly or not: their texts by path. */
function declarationsFrom(path, found = new Map()) {
  if (found.has(path)) return found;
  const text = readFileSync(join(import.meta.dirname, 'build', path), 'utf8');
  found.set(path, text);
  for (const { fileName } of ts.preProcessFile(text).importedFiles)
    if (fileName.startsWith('.')) declarationsFrom(join(dirname(path), fileName.replace(/\.js$/, '.d.ts')), found);
  return found;
}

const names = readableNames(metafile);
const rename = (text) => names.reduce((all, [from, to]) => all.replaceAll(from, to), text);
const dist = join(import.meta.dirname, 'dist');
const wanted = new Map([
  ...[...outputFiles, ...watchdog.outputFiles].map(({ path, text }) => [rename(path), rename(text)]),
  [join(dist, 'control/page.html'), await assemblePage()],
  [join(dist, 'worker/watchdog/package.json'), '{ "type": "commonjs" }\n'],
  ...[...declarationsFrom('index.d.ts')].map(([path, text]) => [join(dist, path), text]),
]);

// A file that has not changed is not written, since a program may be running from it.
mkdirSync(dist, { recursive: true });
for (const name of readdirSync(dist, { recursive: true })) {
  const path = join(dist, name);
  if (/\.(?:js|ts|html)$/.test(name) && !wanted.has(path)) rmSync(path);
}
for (const [path, text] of wanted) {
  mkdirSync(dirname(path), { recursive: true });
  if (readIfThere(path) !== text) writeFileSync(path, text);
}

// Executable in a checkout too. For those who install the package, npm does this.
chmodSync(join(dist, 'cli/main.js'), 0o755);

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

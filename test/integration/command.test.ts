/* The command `prefork`: what it serves, what it checks and prints, and how it ends, from a real shell. */
import assert from 'node:assert/strict';
import { execFile, type SpawnOptions } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { after, type TestContext } from 'node:test';
import { addressOf, COMMAND, prefork, readyAt } from '../helpers/command.js';
import { fixture } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { LogPipe } from '../helpers/log-pipe.js';
import { PACE } from '../helpers/pace.js';
import { occupy, portOf, temporaryFolder } from '../helpers/place.js';
import { PROJECT } from '../helpers/project.js';
import { eventually } from '../helpers/wait.js';

const BIND = ['-b', '127.0.0.1:0'];

interface Ran {
  readonly code: number;
  readonly output: string;
}

/** A folder that has the command under its name as a link, as npm installs it. */
const bin = mkdtempSync(join(tmpdir(), 'prefork-bin-'));
symlinkSync(COMMAND, join(bin, 'prefork'));
after(() => rmSync(bin, { recursive: true }));

/** Runs a line of a shell to its end. */
function shell(line: string, settings: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Ran> {
  const path = `${bin}:${dirname(process.execPath)}:${process.env['PATH']}`;
  const env = { ...PACE, ...process.env, PATH: path, ...settings.env };
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', line], { ...settings, env, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), output: stdout + stderr });
    });
  });
}

/** A folder with an application that says which one it is. */
function folderOf(t: TestContext, files: Readonly<Record<string, string>> = {}): string {
  const folder = temporaryFolder(t);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is that of the application.
  const app = 'export default (request, response) => response.end(`app ${process.env.APP_COLOR}`);\n';
  for (const [name, text] of Object.entries({ 'app.mjs': app, ...files })) writeFileSync(join(folder, name), text);
  return folder;
}

test('it_serves: flags count before variables, and these before the config', async (t) => {
  const config =
    "export default { workers: 3, name: 'from-config', keepAlive: 1000, env: { APP_COLOR: 'red' }, app: './app.mjs' };";
  const cwd = folderOf(t, { 'prefork.config.mjs': config });
  const env = { PREFORK_WORKERS: '2', PREFORK_NAME: 'from-variable' };
  const program = prefork(t, ['-w', '1', '-k', 'async', ...BIND], { cwd, env });
  const url = await readyAt(program);
  assert.equal((await get(url)).body, 'app red');
  assert.match(program.output, /"name":"from-variable","msg":"ready: 1 worker, pid/);
  process.kill(program.pid, 'SIGHUP');
  await program.printed(/reloaded: generation 2 serves, 1 worker replaced/);
  assert.equal((await get(url)).body, 'app red');
  process.kill(program.pid, 'SIGTERM');
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
});

test('it_upgrades: USR2 starts the same command line once more', async (t) => {
  const cwd = folderOf(t);
  const program = prefork(t, ['app.mjs', '-w', '1', ...BIND], { cwd });
  const url = await readyAt(program);
  process.kill(program.pid, 'SIGUSR2');
  const [, successor] = await program.printed(/"msg":"upgraded: the process (\d+) serves too"/);
  process.kill(program.pid, 'SIGTERM');
  await program.printed(/"msg":"stopped"/);
  assert.equal((await get(url)).body, 'app undefined');
  process.kill(Number(successor), 'SIGTERM');
  await program.exited();
});

test('configs of all forms', async (t) => {
  const text = "workers: 1, app: './app.mjs', name: 'configured'";
  const forms: Readonly<Record<string, string>> = {
    'prefork.config.js': `module.exports = { ${text} };`,
    'prefork.config.cjs': `exports.__esModule = true; exports.default = { ${text} };`,
    'prefork.config.mjs': `export default Promise.resolve({ ${text} });`,
    'prefork.config.json': '{ "workers": 1, "app": "./app.mjs", "name": "configured" }',
  };
  for (const [name, content] of Object.entries(forms)) {
    const cwd = folderOf(t, { [name]: content });
    const { code, output } = await shell('prefork --print-config', { cwd });
    assert.equal(code, 0, output);
    assert.match(output, new RegExp(`^name +'configured' +${name}$`, 'm'));
  }
  const typed = `import { defineConfig } from 'prefork';\nconst workers: number = 1;\nexport default defineConfig({ ${text}, workers });`;
  // The folder is inside the package, so that `prefork` is found.
  const cwd = join(PROJECT, 'dist-test', `config-${process.pid}`);
  mkdirSync(cwd);
  t.after(() => shell('rm -r "$FOLDER"', { env: { FOLDER: cwd } }));
  writeFileSync(join(cwd, 'prefork.config.ts'), typed);
  const { code, output } = await shell('prefork --print-config', { cwd });
  if ((process.features as { typescript?: unknown }).typescript) {
    assert.match(output, /^name +'configured' +prefork\.config\.ts$/m);
  } else {
    assert.equal(code, 1);
    assert.match(output, /prefork\.config\.ts cannot be loaded: this is Node .*TypeScript is loaded from 22\.18 on/);
  }
  const yaml = folderOf(t, { 'prefork.yaml': 'workers: 2' });
  const other = await shell('prefork --print-config --config prefork.yaml', { cwd: yaml });
  assert.equal(other.code, 1);
  assert.match(other.output, /prefork\.yaml cannot be loaded: expected a file that ends in \.js \.mjs .*\.json/);
  const two = folderOf(t, { 'prefork.config.json': '{}', 'prefork.config.mjs': 'export default {}' });
  const both = await shell('prefork --print-config', { cwd: two });
  assert.deepEqual(
    [both.code, /there are prefork\.config\.mjs and prefork\.config\.json/.test(both.output)],
    [1, true],
  );
});

test('print_config shows values and where they come from, and no secret', async (t) => {
  const cwd = folderOf(t);
  const line = `prefork --print-config ./app.mjs -e PASSWORD=hunter2 --tls '{"key":"secretkey","cert":"c","passphrase":"hunter2"}' --timeout 9s`;
  const env = { PREFORK_BACKLOG: '77', PREFORK_CONFIG: '', PREFORK_NAME: '', WEB_CONCURRENCY: '5' };
  const { code, output } = await shell(line, { cwd, env });
  assert.equal(code, 0, output);
  assert.doesNotMatch(output, /hunter2|secretkey/);
  for (const row of [
    /^app +'\.\/app\.mjs' +the command line$/m,
    /^timeout +9000 +--timeout$/m,
    /^backlog +77 +PREFORK_BACKLOG$/m,
    /^workers +5 +WEB_CONCURRENCY$/m,
    /^keepAlive +5000 +default$/m,
    /^env +\{ PASSWORD: '\[not shown\]' \} +-e$/m,
  ])
    assert.match(output, row);
});

test('print_config names a stream, and does not go through it', async (t) => {
  const config = `import { PassThrough } from 'node:stream';
    const accessLog = new PassThrough();
    accessLog.owner = { accessLog };
    const resourceLimits = { maxOldGenerationSizeMb: 64 };
    export default { app: './app.mjs', accessLog, resourceLimits };`;
  const { code, output } = await shell('prefork --print-config', {
    cwd: folderOf(t, { 'prefork.config.mjs': config }),
  });
  assert.equal(code, 0, output);
  assert.match(output, /^accessLog +'\[a PassThrough\]' +prefork\.config\.mjs$/m);
  assert.match(output, /^resourceLimits +\{ maxOldGenerationSizeMb: 64 \} +prefork\.config\.mjs$/m);
});

test('check_config: a signal while the application boots is told as such', async (t) => {
  const cwd = folderOf(t, {
    'slow.mjs': "console.log('loads'); setInterval(() => {}, 1000); await new Promise(() => {});",
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const program = prefork(t, ['--check-config', 'slow.mjs'], { cwd });
    await program.printed(/^loads$/m);
    process.kill(program.pid, signal);
    assert.deepEqual(await program.exited(), { code: 1, signal: null });
    assert.match(
      program.output,
      /^prefork: the check was interrupted by a signal, before the application had booted$/m,
    );
  }
});

test('check_config: what is wrong, and what boots, also beside one that serves', async (t) => {
  const cwd = folderOf(t, { 'broken.mjs': "throw new Error('no database');" });
  const server = await occupy(t);
  // A drainDelay would not let it end within this test.
  const good = await shell(`prefork --check-config app.mjs --drain-delay 1h -b 127.0.0.1:${portOf(server)}`, { cwd });
  assert.deepEqual(good, { code: 0, output: 'the config is right, and the application boots\n' });
  const broken = await shell('prefork --check-config broken.mjs', { cwd });
  assert.equal(broken.code, 4);
  assert.match(broken.output, /the application failed to load: no database/);
  const contradiction = await shell('prefork --check-config app.mjs --http2', { cwd });
  assert.equal(contradiction.code, 1);
  assert.match(contradiction.output, /'async', since the option 'http2' is for that class/);
});

/**
 * Follows the name of the command in a shell line, and sets `$pid` to its pid. It polls, since a shell has nothing to
 * wait with.
 */
const UNTIL_READY = 'app.mjs -w 1 -b 127.0.0.1:0 2> log & pid=$!; until grep -qs msg.:.ready log; do sleep 0.1; done;';

test('exit_codes', async (t) => {
  const cwd = folderOf(t, {
    'broken.mjs': "throw new Error('no database');",
    'class.mjs': `import { SyncWorker } from ${JSON.stringify(join(PROJECT, 'dist/index.js'))};
export class Broken extends SyncWorker { async init() { throw new Error('no licence'); } }`,
    'slow.mjs': 'setInterval(() => {}, 1000); await new Promise(() => {});',
  });
  const server = await occupy(t);
  const cases: readonly [line: string, code: number, says: RegExp][] = [
    ['prefork --help', 0, /Usage: prefork/],
    ['prefork --version', 0, /^\d+\.\d+\.\d+/],
    ['prefork app.mjs --wokers 3', 1, /^prefork: unknown flag --wokers; did you mean --workers\?\n$/],
    ['prefork', 1, /^prefork: no application/],
    [`prefork app.mjs -w 1 -b 127.0.0.1:${portOf(server)}`, 1, /EADDRINUSE/],
    ['prefork app.mjs -w 1 -b 127.0.0.1:0 -k ./class.mjs#Broken', 3, /no licence/],
    ['prefork slow.mjs -w 1 -b 127.0.0.1:0 --boot-timeout 700ms', 3, /not ready within bootTimeout/],
    ['prefork broken.mjs -w 1 -b 127.0.0.1:0', 4, /no database/],
    ['prefork missing.mjs -w 1 -b 127.0.0.1:0', 4, /missing\.mjs/],
    [
      `rm -f log; prefork ${UNTIL_READY} kill -TERM $pid; wait $pid; code=$?; cat log; exit $code`,
      0,
      /"msg":"stopped"/,
    ],
    [`rm -f log; prefork ${UNTIL_READY} kill -INT $pid; wait $pid; code=$?; cat log; exit $code`, 0, /"msg":"stopped"/],
    ['NODE_ENV=production prefork doctor --backlog 1 --worker-connections 1 -w 1', 0, /\n$/],
    ['prefork doctor --no-notify -w 1', 1, /error: systemd waits/],
  ];
  for (const [line, code, says] of cases) {
    const ran = await shell(line, { cwd, env: { NOTIFY_SOCKET: line.includes('notify') ? '/run/none' : undefined } });
    assert.equal(ran.code, code, `${line}\n${ran.output}`);
    assert.match(ran.output, says, line);
    // Each reason appears once: the log has what the Arbiter says of it, the command says the rest.
    assert.ok(ran.output.length < 8_000 || line.includes('help'), line);
  }
});

test('a reader that has gone before all is written is no error of the command', async (t) => {
  const cwd = folderOf(t);
  const pipe = new LogPipe(t);
  pipe.leave();
  const out = { cwd, stdio: ['ignore', pipe.end, 'pipe'] } satisfies SpawnOptions;
  for (const args of [
    ['--help'],
    ['--version'],
    ['--print-config', 'app.mjs'],
    ['--check-config', 'app.mjs'],
    ['doctor'],
    ['ctl', '-h'],
  ]) {
    const program = prefork(t, args, out);
    assert.deepEqual(await program.exited(), { code: 0, signal: null }, `${args}: ${program.output}`);
    assert.match(program.output, /^program ended.*\n$/, `${args}`);
  }
  const err = { cwd, stdio: ['ignore', 'pipe', pipe.end] } satisfies SpawnOptions;
  for (const [args, code] of [
    [['missing.mjs', ...BIND], 4],
    [['ctl', 'status'], 2],
  ] as const) {
    assert.deepEqual(await prefork(t, args, err).exited(), { code, signal: null }, `${args}`);
  }
});

test('watch goes on serving when nobody reads what it says', async (t) => {
  const version = (text: string): string => `export default (request, response) => response.end('${text}');`;
  const cwd = folderOf(t, { 'app.mjs': version('one') });
  const program = prefork(t, ['app.mjs', '-w', '1', '--watch', ...BIND], { cwd });
  const url = await readyAt(program);
  program.child.stderr?.destroy();
  writeFileSync(join(cwd, 'app.mjs'), version('two'));
  await eventually(async () => (await get(url)).body === 'two', 'the new code');
  process.kill(program.pid, 'SIGTERM');
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
});

test('watch reloads on a change, and keeps the old code where the new one does not boot', async (t) => {
  const version = (text: string): string => `export default (request, response) => response.end('${text}');`;
  const cwd = folderOf(t, { 'app.mjs': "import './later/dep.mjs'; throw new Error('not yet');" });
  mkdirSync(join(cwd, 'later'));
  writeFileSync(join(cwd, 'later/dep.mjs'), '');
  mkdirSync(join(cwd, 'node_modules'));
  const program = prefork(t, ['app.mjs', '-w', '1', '--watch', ...BIND], { cwd });
  await program.printed(/prefork: .*not yet[\s\S]*waiting for a change/);
  writeFileSync(join(cwd, 'app.mjs'), version('one'));
  const url = await readyAt(program);
  assert.equal((await get(url)).body, 'one');

  writeFileSync(join(cwd, 'app.mjs'), version('two'));
  await program.printed(/app\.mjs changed[\s\S]*reloaded: generation 2/);
  assert.equal((await get(url)).body, 'two');

  writeFileSync(join(cwd, 'app.mjs'), "throw new Error('broken by an editor');");
  await program.printed(/ERR_RELOAD_FAILED[\s\S]*broken by an editor/);
  assert.equal((await get(url)).body, 'two');

  // Changes in `node_modules` and of data files do not count as changes of the application. A new folder does.
  writeFileSync(join(cwd, 'node_modules/other.js'), '');
  writeFileSync(join(cwd, 'data.txt'), '');
  mkdirSync(join(cwd, 'new'));
  writeFileSync(join(cwd, 'new/dep.mjs'), "export default 'three';");
  await program.printed(/new\/dep\.mjs changed/);
  writeFileSync(join(cwd, 'app.mjs'), `import text from './new/dep.mjs'; ${version('')} `.replace("''", 'text'));
  await eventually(async () => (await get(url)).body === 'three', 'the new code');
  assert.doesNotMatch(program.output, /other\.js|data\.txt/);
  process.kill(program.pid, 'SIGTERM');
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
});

test('the application is a file as everybody in a shell writes it', async (t) => {
  const program = prefork(t, [fixture('app.js'), '-w', '1', ...BIND]);
  assert.equal((await get(await readyAt(program))).body, 'hello');
  assert.ok((await addressOf(program)).startsWith('http://127.0.0.1:'));
});

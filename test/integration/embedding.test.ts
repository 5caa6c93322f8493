import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Address, getFrom } from '../helpers/address.js';
import { ask } from '../helpers/control.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';

/** The folder of the project; `import('prefork')` finds the package from there. */
const PROJECT = fixture('../..');

test('what asks or orders the master is refused in a worker', async (t) => {
  const program = new Program(t, process.execPath, [fixture('asks-in-worker.js')]);
  const [line] = await program.printed(/^\[.*\]$/m);
  const methods = ['scale', 'reload', 'restart', 'upgrade', 'send', 'broadcast', 'metrics', 'stacks'];
  assert.deepEqual(
    JSON.parse(line),
    methods.map((method) => `ERR_STATE ${method}: this process is a worker`),
  );
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
});

test('two_arbiters_one_process', async (t) => {
  const program = new Program(t, process.execPath, [fixture('two-arbiters.js')]);
  const [line] = await program.printed(/^\[.*\]$/m);
  const [one, two, three] = JSON.parse(line) as [Address, Address, Address];
  for (let round = 0; round < 4; round++) {
    assert.equal((await getFrom(one)).body, 'I am one');
    assert.equal((await getFrom(two)).body, 'I am two');
    assert.equal((await getFrom(three)).body, 'hello');
  }
  process.kill(program.pid, 'SIGTERM');
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
});

test('two_arbiters_one_process: not two inline ones of the same name at a time', async (t) => {
  const program = new Program(t, process.execPath, [fixture('same-name.js')]);
  const [refusal] = await program.printed(/^\{"refused".*\}$/m);
  const { refused, message, state } = JSON.parse(refusal);
  assert.deepEqual([refused, state], ['ERR_STATE', 'idle']);
  assert.match(message, /'prefork'.*'name'/);
  const [first] = await program.printed(/^\{"serves".*\}$/m);
  assert.equal((await getFrom(JSON.parse(first).serves)).body, 'the first');
  process.kill(program.pid, 'SIGALRM');
  const [third] = await program.printed(/^\{"follows".*\}$/m);
  assert.equal((await getFrom(JSON.parse(third).follows)).body, 'the first');
  process.kill(program.pid, 'SIGTERM');
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
});

for (const what of ['bind', 'control'] as const) {
  test(`two Arbiters of one host that start at once cannot have one path as their '${what}'`, async (t) => {
    const socketPath = join(temporaryFolder(t), 'socket');
    const common = { app: fixture('app.js'), bind: '127.0.0.1:0', workers: 1, logger: false };
    const own = ['one', 'two'].map((name) => ({ ...common, name, [what]: `unix:${socketPath}` }));
    const program = new Program(t, process.execPath, [fixture('starts-at-once.js'), JSON.stringify(own)]);
    const [line] = await program.printed(/^\[.*\]$/m);
    const [first, second] = JSON.parse(line);
    assert.match(first, /^serves by \d+$/);
    assert.match(second, /^ERR_BIND cannot bind .*socket.*in use/);
    if (what === 'bind') assert.equal(`serves by ${(await getFrom(socketPath, '/pid')).body}`, first);
    else assert.equal((await ask({ socketPath }, '/stats')).body.name, 'one');
    process.kill(program.pid, 'SIGTERM');
    assert.deepEqual(await program.exited(), { code: 0, signal: null });
    assert.equal(existsSync(socketPath), false);
  });
}

test('an inline app behind another one of the same name is refused, and never served the other', async (t) => {
  const program = new Program(t, process.execPath, [fixture('names-again.js')]);
  const [line] = await program.printed(/^\[.*\]$/m);
  const [first, refused, again, ...others] = JSON.parse(line);
  assert.match(refused, /'prefork' here before.*option 'name' must differ/);
  assert.deepEqual([first, again, ...others], ['the first', 'the first', 'another', 'hello', 'the first']);
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
});

test('inline_app_reruns_entry', async (t) => {
  const log = join(temporaryFolder(t), 'log');
  const options = { app: 'inline', workers: 2 };
  const host = new Host(t, options, { entry: 'entry-host.js', env: { ENTRY_LOG: log } });
  const url = await host.ready();
  const runs = (): string[] => readFileSync(log, 'utf8').trimEnd().split('\n').toSorted();
  const expected = (): string[] => [`master ${host.pid}`, ...host.workerPids.map((pid) => `worker ${pid}`)].toSorted();
  assert.equal(host.workerPids.length, 2);
  assert.deepEqual(runs(), expected());
  // The workers have the host's arguments.
  const told = JSON.parse((await get(url)).body);
  assert.equal(told.isWorker, true);
  assert.equal(told.argv[1], fixture('entry-host.js'));
  assert.deepEqual(told.argv.slice(2), host.child.spawnargs.slice(-1));
  process.kill(told.pid, 'SIGKILL');
  await host.event('worker:ready', ({ age }) => age === 3);
  assert.equal(host.workerPids.length, 3);
  assert.deepEqual(runs(), expected());
});

test('module_app_does_not', async (t) => {
  const log = join(temporaryFolder(t), 'log');
  const options = { app: fixture('tells.js'), workers: 2 };
  const host = new Host(t, options, { entry: 'entry-host.js', env: { ENTRY_LOG: log } });
  const told = JSON.parse((await get(await host.ready())).body);
  // Arbiter.isWorker
  assert.equal(told.isWorker, true);
  assert.ok(host.workerPids.includes(told.pid));
  assert.deepEqual(told.argv.slice(2), []);
  assert.equal(readFileSync(log, 'utf8'), `master ${host.pid}\n`);
});

for (const flags of [['-e'], ['--input-type=module', '-e'], ['-p']]) {
  const script = (app: string): string => `
    import('prefork').then(async ({ Arbiter }) => {
      const arbiter = new Arbiter({ app: ${app}, bind: '127.0.0.1:0', workers: 1 });
      await arbiter.start();
      console.log('serves ' + JSON.stringify(arbiter.addresses[0]));
    }).catch((error) => console.log(error.code + ' ' + error.message));`;

  test(`node ${flags.join(' ')}: an inline app is refused`, async (t) => {
    const program = new Program(t, process.execPath, [...flags, script('() => {}')], { cwd: PROJECT });
    assert.match((await program.printed(/^ERR_.*$/m))[0], /^ERR_NO_ENTRY .*module/);
    assert.deepEqual(await program.exited(), { code: 0, signal: null });
  });

  test(`node ${flags.join(' ')}: a module is served`, async (t) => {
    const app = JSON.stringify(fixture('app.js'));
    const program = new Program(t, process.execPath, [...flags, script(app)], { cwd: PROJECT });
    const [, address = ''] = await program.printed(/^serves (.*)$/m);
    assert.equal((await getFrom(JSON.parse(address))).body, 'hello');
    process.kill(program.pid, 'SIGTERM');
    assert.deepEqual(await program.exited(), { code: 0, signal: null });
  });
}

test('an entry script in TypeScript, run by tsx', async (t) => {
  const entry = '../../test/fixtures/entry-host.ts';
  const host = new Host(t, { app: 'inline' }, { entry, execArgv: ['--import', 'tsx'], cwd: PROJECT });
  const told = JSON.parse((await get(await host.ready())).body);
  assert.equal(told.isWorker, true);
  assert.equal(told.argv[1], fixture(entry));
  assert.deepEqual(told.execArgv, ['--import', 'tsx']);
  process.kill(told.pid, 'SIGKILL');
  await host.event('worker:ready', ({ age }) => age === 3);
  host.kill('SIGTERM');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
});

/** The code of a host that has its Arbiter in a thread; each of its processes, and threads, prints a line. */
function inThread(app: string, options = ''): string {
  return `import { Worker, isMainThread, parentPort } from 'node:worker_threads';
    import { Arbiter } from '${pathToFileURL(join(PROJECT, 'dist/index.js')).href}';
    console.log('process', process.pid, isMainThread, Arbiter.isWorker);
    if (isMainThread) {
      const thread = new Worker(new URL(import.meta.url));
      thread.on('message', (line) => console.log(line));
      process.on('SIGTERM', () => thread.postMessage('stop'));
    } else {
      const arbiter = new Arbiter({ app: ${app}, bind: '127.0.0.1:0', workers: 1, logger: false, ${options} });
      await arbiter.start();
      parentPort.postMessage('port ' + arbiter.addresses[0].port);
      parentPort.once('message', () => arbiter.stop());
    }`;
}

test('a host in a thread: with an inline app, no worker becomes a master', async (t) => {
  const script = join(temporaryFolder(t), 'host.mjs');
  writeFileSync(script, inThread('(request, response) => response.end()'));
  const program = new Program(t, process.execPath, [script]);
  await program.exited();
  assert.match(
    program.output,
    /worker #1 failed before it was ready: start: this is a thread .*give 'app' as a module/,
  );
  const all = [...program.output.matchAll(/^process (\d+) (true|false) (true|false)$/gm)].map(([, , ...each]) => each);
  assert.deepEqual(all, [
    ['true', 'false'],
    ['false', 'false'],
    ['true', 'true'],
    ['false', 'true'],
  ]);
});

test('a host in a thread serves a module, and is told that it hears no signals', async (t) => {
  for (const options of ['', 'signals: false']) {
    const script = join(temporaryFolder(t), 'host.mjs');
    writeFileSync(script, inThread(JSON.stringify(fixture('app.js')), options));
    const program = new Program(t, process.execPath, [script]);
    const [, port] = await program.printed(/^port (\d+)$/m);
    assert.equal((await get(`http://127.0.0.1:${port}`)).status, 200);
    process.kill(program.pid, 'SIGTERM');
    // The main thread has the stop done, and its own listener of the signal keeps the process from ending before.
    assert.deepEqual(await program.exited(), { code: 0, signal: null });
    assert.equal(
      /Warning: .*in a thread, and Node tells signals to the main thread/.test(program.output),
      options === '',
    );
  }
});

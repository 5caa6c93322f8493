/*
 * Real applications, installed as a user would install them and started with the lines of the guide: they serve, a reload
 * under load loses nothing, and they end in time with exit code 0.
 * `npm run test:apps`, or some of them: `APPS=nest-express,nest-fastify npm run test:apps`. See README.md of this folder.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { BuiltInClass } from 'prefork';
import { AppLoad, ask } from '../helpers/app-load.js';
import { type Application, applications } from '../helpers/applications.js';
import { readyAt } from '../helpers/command.js';
import { installed } from '../helpers/installed.js';
import { Program } from '../helpers/program.js';

const WORKERS = 2;
const THREADS = 2;
/** Large applications boot in each thread, and other processes may run at the same time. Milliseconds. */
const PATIENCE = 120_000;
const [MAJOR = 0, MINOR = 0] = process.versions.node.split('.').map(Number);

const wanted = process.env['APPS']?.split(',');
const all = await applications();
for (const name of wanted ?? []) assert.ok(all.has(name), `no application '${name}' in test/apps`);

for (const [name, application] of all) {
  if (wanted && !wanted.includes(name)) continue;
  test(name, { skip: tooOld(application) }, async (t) => {
    const folder = installed(t, name, application);
    const { start, also = [], classes } = application;
    for (const line of [start, ...also]) {
      for (const workerClass of classes) {
        const which = line === start ? '' : `, ${line}`;
        const skip = doesNotWork(application, workerClass);
        await t.test(`${name}, ${workerClass}${which}`, { skip }, (t) =>
          lives(t, folder, { ...application, start: line }, workerClass),
        );
      }
    }
  });
}

function doesNotWork({ fails }: Application, workerClass: BuiltInClass): string | false {
  return fails !== undefined && fails.node === MAJOR && fails.classes.includes(workerClass) && fails.why;
}

function tooOld({ node: [major, minor] }: Application): string | false {
  const isOld = MAJOR < major || (MAJOR === major && MINOR < minor);
  return isOld && `it needs Node ${major}.${minor}`;
}

function start(t: TestContext, folder: string, { start, env }: Application, workerClass: BuiltInClass): Program {
  const [command, ...rest] = start.replaceAll('$PWD', folder).split(' ');
  assert.ok(command === 'node' || start.startsWith('npx prefork '), `neither node nor npx prefork: ${start}`);
  // Without npx, which would stand between the signals and the master.
  const args = command === 'npx' ? [join(folder, 'node_modules/.bin/prefork'), ...rest.slice(1)] : rest;
  const own = Object.entries(process.env).filter(([name]) => !/^(?:npm_|NODE_|PREFORK_)/i.test(name));
  return new Program(t, process.execPath, args, {
    cwd: folder,
    env: {
      ...Object.fromEntries(own),
      PREFORK_BIND: '127.0.0.1:0',
      PREFORK_WORKERS: String(WORKERS),
      PREFORK_WORKER_CLASS: workerClass,
      ...(workerClass === 'threaded' && { PREFORK_THREADS: String(THREADS) }),
      NODE_ENV: 'production',
      ...env,
    },
  });
}

async function lives(
  t: TestContext,
  folder: string,
  application: Application,
  workerClass: BuiltInClass,
): Promise<void> {
  const program = start(t, folder, application, workerClass);
  await program.printed(/"msg":"ready: /, PATIENCE);
  const address = await readyAt(program);
  const serves = async (isReloaded: boolean): Promise<void> => {
    for (const asked of application.requests) await ask(address, asked);
    await application.further?.({ t, workerClass, address, folder, program, isReloaded });
  };
  await serves(false);

  const [asked] = application.requests;
  assert.ok(asked);
  const load = new AppLoad(t, address, asked);
  await load.more(20, PATIENCE);
  process.kill(program.pid, 'SIGHUP');
  await program.printed(new RegExp(`"msg":"reloaded: generation 2 serves, ${WORKERS} workers replaced"`), PATIENCE);
  await load.more(20, PATIENCE);
  await load.stop();
  assert.deepEqual(load.failures, [], program.output);

  await serves(true);
  process.kill(program.pid, 'SIGTERM');
  assert.deepEqual(await program.exited(), { code: 0, signal: null }, program.output);
  const complaints = program.output
    .split('\n')
    .filter((line) => /"level":"(?:warn|error)"/.test(line) && !application.warns?.test(line));
  assert.deepEqual(complaints, []);
  const { ends, preloads } = application;
  if (ends) {
    const told = program.output.match(new RegExp(ends.source, `${ends.flags}g`)) ?? [];
    const inEach = workerClass === 'threaded' ? THREADS + (preloads ? 1 : 0) : 1;
    assert.equal(told.length, 2 * WORKERS * inEach, program.output);
  }
}

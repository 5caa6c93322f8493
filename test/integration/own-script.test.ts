/* In the inline form, each worker does what the script of the host does too. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { CLASSES } from '../helpers/classes.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';

const HINT = /each worker runs the script of the host .*behind `if \(!Arbiter\.isWorker\)`/;

function start(t: TestContext, twice: string, options: HostOptions = {}): Host {
  const env = { TWICE: twice, PLACE: join(temporaryFolder(t), 'once') };
  return new Host(t, { workers: 1, ...options }, { entry: 'does-it-twice.js', env });
}

for (const workerClass of CLASSES) {
  for (const twice of ['listens', 'listens and goes on']) {
    test(`a script that ${twice} is told where that belongs: ${workerClass}`, async (t) => {
      // A worker that has got further by then is replaced, and replaced again.
      const host = start(t, twice, { workerClass });
      await host.until(() => host.of('worker:error').length > 0, 'an error');
      const [, error] = host.of('worker:error')[0]?.args ?? [];
      assert.match(error.message, HINT);
      assert.match(error.message, /EADDRINUSE/);
      assert.equal(error.cause?.code ?? error.code, 'EADDRINUSE');
    });
  }
}

test('a script that fails where the master got through is told so: a migration', async (t) => {
  const host = start(t, 'migrates');
  const [error] = await host.event('rejected');
  assert.deepEqual([error.code, error.cause.code], ['ERR_WORKER_BOOT', 'EEXIST']);
  assert.match(error.message, HINT);
  // The hint is there too where only the stack is shown.
  assert.match(error.cause.stack, HINT);
});

test('a script that ends the worker is told so', async (t) => {
  const host = start(t, 'migrates and exits');
  const [error] = await host.event('rejected');
  assert.equal(error.code, 'ERR_WORKER_BOOT');
  assert.match(error.message, /ended with exit code 3 without a call of run\(\) or start\(\)/);
  assert.match(error.message, HINT);
});

/** What test runners and loaders do: their own file is the script, and loads that of the host, in one process only. */
const RUNNER = (again: string): string =>
  `if (process.env.RUNNER_PID) { ${again} } else { process.env.RUNNER_PID = process.pid; await import(process.argv[2]); }`;

for (const [what, again, how] of [
  ['fails', "throw new Error('no runner within a runner')", /: no runner within a runner/],
  ['ends', 'process.exit(0)', /exit code 0 without a call of run\(\) or start\(\) of the Arbiter named 'prefork'/],
] as const) {
  test(`a script that a test runner has loaded, which ${what} in a worker: the module form is named`, async (t) => {
    const folder = join(temporaryFolder(t), 'node_modules/runner');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'cli.mjs'), RUNNER(again));
    const program = new Program(t, process.execPath, [join(folder, 'cli.mjs'), fixture('tells-start.js')]);
    const [line] = await program.printed(/^\{.*\}$/m);
    const { code, message } = JSON.parse(line);
    assert.equal(code, 'ERR_WORKER_BOOT');
    assert.match(message, how);
    assert.match(
      message,
      /each worker runs .*node_modules\/runner\/cli\.mjs again: .* give 'app' as a module, new URL\(/,
    );
  });
}

test('what has another cause is not told so', async (t) => {
  const broken = start(t, 'has a broken app');
  const [error] = await broken.event('rejected');
  assert.equal(error.code, 'ERR_APP_LOAD');
  assert.doesNotMatch(broken.log, HINT);
  const careful = start(t, 'is careful');
  assert.equal((await get(await careful.ready())).body, 'hello');
  assert.doesNotMatch(careful.log, HINT);
});

test('an account that the workers cannot take has nothing to do with the script', {
  skip: process.getuid?.() === 0 ? false : 'only root can change the account',
}, async (t) => {
  const host = start(t, 'is careful', { user: 'no-such-user', group: 'no-such-group' });
  const [error] = await host.event('rejected');
  assert.doesNotMatch(error.message, HINT);
});

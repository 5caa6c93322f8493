import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { Arbiter } from 'prefork';
import { PACE_VARIABLE } from '../../build/pace.js';
import { type Address, getFrom } from '../helpers/address.js';
import { fixture, Host, type HostSettings } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { freePort, temporaryFolder } from '../helpers/place.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

const APP = fixture('tells.js');
const linuxOnly = { skip: process.platform !== 'linux' && 'needs /proc' };
const rootOnly = { skip: process.getuid?.() !== 0 && 'needs root' };
const id = (...args: string[]): string => execFileSync('id', args, { encoding: 'utf8' }).trim();

interface Told {
  readonly execArgv: string[];
  readonly env: NodeJS.ProcessEnv;
  readonly uid: number;
  readonly gid: number;
  readonly groups: number[];
  readonly cwd: string;
  readonly umask: number;
}

/** What a worker with these options sees of its process. */
async function tell(t: test.TestContext, options: object, settings: HostSettings = {}): Promise<Told> {
  const host = new Host(t, { app: APP, workers: 1, ...options }, settings);
  await host.until(() => host.of('ready').length + host.of('rejected').length > 0, 'an outcome');
  assert.deepEqual(host.of('rejected'), []);
  return JSON.parse((await get(await host.url())).body);
}

async function refusal(
  t: test.TestContext,
  options: object,
  settings?: HostSettings,
): Promise<Error & { code: string }> {
  const host = new Host(t, { app: APP, workers: 1, ...options }, settings);
  const [error] = await host.event('rejected');
  await host.exited();
  return error;
}

test('the environment: inherited, added, replaced, and without our variable', async (t) => {
  const ours = { [PACE_VARIABLE]: undefined, PREFORK_FAST_TURN: undefined, PREFORK_ROSTER: undefined };
  const env = { KEPT: 'kept', REPLACED: 'old', ...ours };
  const told = await tell(t, { env: { ADDED: 'added', REPLACED: 'new' } }, { env });
  const { KEPT, REPLACED, ADDED } = told.env;
  assert.deepEqual({ KEPT, REPLACED, ADDED }, { KEPT: 'kept', REPLACED: 'new', ADDED: 'added' });
  assert.deepEqual(
    Object.keys(told.env).filter((name) => name.startsWith('PREFORK')),
    [],
  );
});

test('the environment: as it is when the start is called', async (t) => {
  process.env['CHANGES'] = 'at the call';
  const arbiter = new Arbiter({ app: APP, workers: 1, bind: '127.0.0.1:0' });
  t.after(() => arbiter.stop());
  const started = arbiter.start();
  process.env['CHANGES'] = 'later';
  await started;
  const told: Told = JSON.parse((await getFrom(arbiter.addresses[0] as Address)).body);
  assert.equal(told.env['CHANGES'], 'at the call');
});

test('the environment: a variable of the host removed', async (t) => {
  // In this process, since JSON has no undefined.
  process.env['REMOVED'] = 'there';
  const arbiter = new Arbiter({ app: APP, workers: 1, bind: '127.0.0.1:0', env: { REMOVED: undefined } });
  t.after(() => arbiter.stop());
  await arbiter.start();
  const told: Told = JSON.parse((await getFrom(arbiter.addresses[0] as Address)).body);
  assert.equal('REMOVED' in told.env, false);
  assert.equal(told.env['PATH'], process.env['PATH']);
});

test('the working directory', async (t) => {
  const folder = realpathSync(temporaryFolder(t));
  assert.equal((await tell(t, {}, { cwd: folder })).cwd, folder);
  assert.equal((await tell(t, { cwd: folder })).cwd, folder);
  const error = await refusal(t, { cwd: join(folder, 'missing') });
  assert.equal(error.code, 'ERR_WORKER_BOOT');
  assert.match(error.message, /'cwd'/);
});

test('the umask', async (t) => {
  assert.equal((await tell(t, {})).umask, process.umask());
  assert.equal((await tell(t, { umask: 0o027 })).umask, 0o027);
});

test('flags of node: those of the host, or those of the option', async (t) => {
  const own = { execArgv: ['--max-old-space-size=200', '--no-deprecation'] };
  assert.deepEqual((await tell(t, {}, own)).execArgv, own.execArgv);
  const execArgv = ['--stack-trace-limit=50'];
  assert.deepEqual((await tell(t, { execArgv }, own)).execArgv, execArgv);
  // A worker that waited for a debugger would never be ready.
  await tell(t, { execArgv: ['--inspect-brk=127.0.0.1:0'] });
});

for (const how of ['execArgv', 'NODE_OPTIONS'] as const) {
  test(`--inspect in ${how}: every worker has an inspector port of its own`, async (t) => {
    for (const port of [0, await freePort(t)]) {
      const flag = `--inspect=127.0.0.1:${port}`;
      const settings = how === 'execArgv' ? { execArgv: [flag] } : { env: { NODE_OPTIONS: flag } };
      const host = new Host(t, { workers: 2 }, { ...settings, fresh: true });
      await host.ready();
      const listening = (): string[] => host.log.match(/Debugger listening on ws:\/\/127\.0\.0\.1:\d+/g) ?? [];
      await eventually(() => listening().length === 3, 'the inspectors of the host and 2 workers');
      assert.equal(new Set(listening()).size, 3);
      assert.doesNotMatch(host.log, /inspector .*failed/i);
    }
  });
}

test('process titles', linuxOnly, async (t) => {
  const host = new Host(t, { name: 'titled', workers: 2 }, { fresh: true });
  await host.event('ready');
  const title = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trimEnd();
  assert.equal(title(host.pid), 'prefork: master [titled]');
  const workers = await host.workers();
  assert.deepEqual(
    workers.map(({ pid }) => title(pid as number)),
    ['prefork: worker [titled] #1', 'prefork: worker [titled] #2'],
  );
});

for (const user of ['nobody', 65534, 'daemon']) {
  test(`user ${user}: with its own group and supplementary groups only`, rootOnly, async (t) => {
    const told = await tell(t, { user }, { entry: 'grouped-host.js' });
    const name = String(user);
    assert.equal(told.uid, Number(id('-u', name)));
    assert.equal(told.gid, Number(id('-g', name)));
    assert.deepEqual(told.groups.toSorted(), id('-G', name).split(' ').map(Number).toSorted());
  });
}

test('user and group', rootOnly, async (t) => {
  const told = await tell(t, { user: 'nobody', group: 'daemon' }, { entry: 'grouped-host.js' });
  assert.deepEqual([told.uid, told.gid], [Number(id('-u', 'nobody')), Number(id('-g', 'daemon'))]);
  assert.ok(!told.groups.includes(0) && !told.groups.includes(4), told.groups.join());
});

test('group alone', rootOnly, async (t) => {
  const told = await tell(t, { group: 'daemon' }, { entry: 'grouped-host.js' });
  assert.deepEqual([told.uid, told.gid, told.groups], [0, Number(id('-g', 'daemon')), [Number(id('-g', 'daemon'))]]);
});

test('a user and group that are numbers without names, as in containers', rootOnly, async (t) => {
  const told = await tell(t, { user: 54321, group: 54322 }, { entry: 'grouped-host.js' });
  assert.deepEqual([told.uid, told.gid, told.groups], [54321, 54322, [54322]]);
});

test('a user or group that does not exist is named', rootOnly, async (t) => {
  const user = await refusal(t, { user: 'no-such-user' });
  assert.equal(user.code, 'ERR_INVALID_OPTION');
  assert.match(user.message, /'user'.*no-such-user/);
  const group = await refusal(t, { group: 'no-such-group' });
  assert.equal(group.message, "option 'group': the group no-such-group is not known");
});

test('user and group are for root alone', async (t) => {
  for (const option of ['user', 'group']) {
    const error = await refusal(t, { [option]: 'daemon' }, { entry: 'nobody-host.js' });
    assert.equal(error.code, 'ERR_INVALID_OPTION');
    assert.match(error.message, new RegExp(`'${option}'.*root`));
  }
});

/* Files of environment variables: what a new generation, a replacement and a new master get from them. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { CLASSES } from '../helpers/classes.js';
import { fixture, Host, type HostOptions, type HostSettings } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { temporaryFolder } from '../helpers/place.js';
import { Succession } from '../helpers/succession.js';

const OLD = { APP_KEPT: '1', APP_CHANGED: 'old', APP_DROPPED: 'old', APP_GIVEN: 'by the system' };
const NEW = { APP_KEPT: '1', APP_CHANGED: 'new', APP_ADDED: 'new', APP_GIVEN: 'by the system' };
const FILE = {
  old: 'APP_KEPT=1\nAPP_CHANGED=old\nAPP_DROPPED=old\nAPP_GIVEN="of the file"\n',
  new: 'APP_KEPT=1\nAPP_CHANGED=new\nAPP_ADDED=new\nAPP_GIVEN="of the file"\n',
};
const ENV = { APP_GIVEN: 'by the system', DOTENV_CONFIG_QUIET: 'true' };

interface Shown {
  readonly pid: number;
  readonly env: Readonly<Record<string, string>>;
}

async function show(url: string): Promise<Shown> {
  return JSON.parse((await get(url)).body);
}

/** The forms differ in how a host gets its variables, and in what the workers run. */
const FORMS: Readonly<Record<string, (folder: string) => { options?: HostOptions; settings: HostSettings }>> = {
  '--env-file': () => ({ settings: { execArgv: ['--env-file=.env'] } }),
  '--env-file, and workers elsewhere': () => ({
    options: { cwd: '/' },
    settings: { execArgv: ['--env-file', '.env'] },
  }),
  '--env-file, inline': () => ({ settings: { execArgv: ['--env-file=.env'], entry: 'inline-host.js' } }),
  '--env-file of the workers alone': () => ({ options: { execArgv: ['--env-file=.env'] }, settings: {} }),
  'a copy of the environment as the option env': () => ({
    settings: { execArgv: ['--env-file=.env'], entry: 'copies-env-host.js' },
  }),
  'a host that loads dotenv': () => ({ settings: { entry: 'loads-dotenv.js' } }),
  'a host that loads dotenv, inline': () => ({
    settings: { entry: 'loads-dotenv.js', env: { HOST: fixture('inline-host.js') } },
  }),
  'a host that calls process.loadEnvFile()': () => ({ settings: { entry: 'loads-env-file.js' } }),
};

function serve(t: TestContext, form: keyof typeof FORMS, more: HostOptions = {}): { host: Host; deploy: () => void } {
  const folder = temporaryFolder(t);
  const file = join(folder, '.env');
  writeFileSync(file, FILE.old);
  const { options, settings } = FORMS[form]?.(folder) ?? assert.fail(form);
  const all = { app: fixture('shows-env.js'), workers: 1, ...options, ...more };
  const host = new Host(t, all, { ...settings, cwd: folder, env: { ...ENV, ...settings.env } });
  return { host, deploy: () => writeFileSync(file, FILE.new) };
}

for (const form of Object.keys(FORMS)) {
  test(`a reload gives the variables of the file as it is by then: ${form}`, async (t) => {
    const { host, deploy } = serve(t, form);
    const url = await host.ready();
    assert.deepEqual((await show(url)).env, OLD);
    deploy();
    assert.deepEqual((await show(url)).env, OLD);
    await host.call('reload');
    assert.deepEqual((await show(url)).env, NEW);
  });
}

for (const workerClass of CLASSES) {
  test(`who is replaced between an edit and the reload gets what its generation has: ${workerClass}`, async (t) => {
    const { host, deploy } = serve(t, '--env-file', { workerClass, ...(workerClass === 'threaded' && { threads: 1 }) });
    const url = await host.ready();
    const { pid } = await show(url);
    deploy();
    process.kill(pid, 'SIGKILL');
    await host.event('worker:ready', ({ age }) => age === 2);
    assert.deepEqual((await show(url)).env, OLD);
    await host.call('reload');
    assert.deepEqual((await show(url)).env, NEW);
  });
}

test('a reload without the file that must be there fails before it begins, and the old generation serves on', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, '.env'), FILE.old);
  const options = { app: fixture('shows-env.js'), workers: 1, execArgv: [`--env-file=${join(folder, '.env')}`] };
  const host = new Host(t, options, { env: ENV });
  const url = await host.ready();
  const { rmSync } = await import('node:fs');
  rmSync(join(folder, '.env'));
  await assert.rejects(host.call('reload'), (error: Error & { code: string }) => {
    assert.equal(error.code, 'ERR_RELOAD_FAILED');
    assert.match(error.message, /cannot begin: the file of variables .*\.env cannot be read: ENOENT/);
    return true;
  });
  assert.deepEqual((await show(url)).env, OLD);
});

/** How the first master is started, in a folder with the file. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  '--env-file': ['--env-file=.env', fixture('succession-host.js')],
  dotenv: [fixture('loads-dotenv.js')],
};

for (const [name, args] of Object.entries(COMMANDS)) {
  test(`a new master loads the file as it is by then, and its workers have the same: ${name}`, async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, '.env'), FILE.old);
    const settings = {
      command: [process.execPath, ...args],
      cwd: folder,
      env: { ...ENV, PWD: folder, HOST: fixture('succession-host.js') },
    };
    const succession = await Succession.start(t, [{ app: fixture('shows-env.js'), workers: 1 }], settings);
    const old = await succession.ready();
    const url = await succession.url(old);
    assert.deepEqual((await show(url)).env, OLD);
    writeFileSync(join(folder, '.env'), FILE.new);
    const next = await succession.upgrade(old);
    await succession.end(old);
    assert.deepEqual((await show(url)).env, NEW);
    writeFileSync(join(folder, '.env'), FILE.old);
    await succession.call(next, 'reload');
    assert.deepEqual((await show(url)).env, OLD);
    await succession.end(next);
  });
}

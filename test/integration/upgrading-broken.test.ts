/* When a new master does not come to serve, the old one goes on as if nothing had happened. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fixture } from '../helpers/host.js';
import { MixedLoad } from '../helpers/mixed-load.js';
import { pace } from '../helpers/pace.js';
import { temporaryFolder } from '../helpers/place.js';
import { alive } from '../helpers/process.js';
import { type Deployed, Succession } from '../helpers/succession.js';

const BOOT_TIMEOUT = 5_000;

interface Broken {
  readonly break: (deploy: (code: Deployed) => void, app: string) => void;
  readonly says: RegExp;
}

/** These failures are reported at once. */
const BROKEN: Readonly<Record<string, Broken>> = {
  'the host script throws': {
    break: (deploy) => deploy('throws'),
    says: /: it ended with exit code 1 before it served 127\.0\.0\.1:0, unix:\S+, 127\.0\.0\.1:0$/,
  },
  'the host script exits at once': {
    break: (deploy) => deploy('exits'),
    says: /: it ended with exit code 0 before it served 127\.0\.0\.1:0, unix:\S+, 127\.0\.0\.1:0$/,
  },
  'the host binds another address, which fails': {
    break: (deploy) => deploy('binds'),
    says: /: its Arbiter 'one' failed to start: cannot bind unix:\/no\/such\/folder: the directory does not exist/,
  },
  'the host binds other addresses': {
    break: (deploy) => deploy('moves'),
    says: /: it binds .*unix:\S+\.sock.*, and not unix:\S+socket; to give up an address takes a restart$/,
  },
  'the app fails to load': {
    break: (_, app) => writeFileSync(app, ''),
    says: /: its Arbiter 'two' failed to start: .*the deploy is broken$/,
  },
};

/**
 * Milliseconds. The limit of an upgrade is the boot of the workers plus a time of the library's own, half a minute by
 * default.
 */
const HOST_BOOT = 1_500;

/** These failures are reported when that limit is over. */
const OVERDUE: Readonly<Record<string, Broken>> = {
  'the host hangs at load': {
    break: (deploy) => deploy('hangs'),
    says: /: it did not serve 127\.0\.0\.1:0, unix:\S+, 127\.0\.0\.1:0 within 6500 ms$/,
  },
  'the host does not start an Arbiter for one of the addresses': {
    break: (deploy) => deploy('omits'),
    says: /: it did not serve 127\.0\.0\.1:0 within 6500 ms$/,
  },
};

interface Service {
  readonly succession: Succession;
  readonly old: number;
  readonly pidFile: string;
  readonly app: string;
  readonly loads: readonly MixedLoad[];
}

/** Two Arbiters, the second of which is another application, each under load. */
async function serve(t: TestContext): Promise<Service> {
  const folder = temporaryFolder(t);
  const [pidFile, path, app] = [join(folder, 'pid'), join(folder, 'socket'), join(folder, 'broken')];
  const common = { workers: 1, bootTimeout: BOOT_TIMEOUT };
  const succession = await Succession.start(
    t,
    [
      // The limit is that of the Arbiter that may take the longest, whichever one is asked.
      { ...common, bootTimeout: BOOT_TIMEOUT - 1_000, name: 'one', bind: ['127.0.0.1:0', `unix:${path}`], pidFile },
      { ...common, name: 'two', app: fixture('broken-while.js') },
    ],
    { env: { BROKEN: app, ...pace({ hostBoot: HOST_BOOT }) } },
  );
  const old = await succession.ready(2);
  const urls = await Promise.all([0, 1].map((index) => succession.url(old, index)));
  // Failures that are reported at once mean many upgrades, and the others mean a long wait. The load need only be
  // there, so it is light.
  const ease = 10;
  const loads = [
    new MixedLoad(t, { url: urls[0] as string, socketPath: path }, { close: 1, unix: 1 }, { upload: 100_000, ease }),
    new MixedLoad(t, { url: urls[1] as string }, { close: 1 }, { expects: /^hello$/, ease }),
  ];
  return { succession, old, pidFile, app, loads };
}

async function assertBacksOut(service: Service, broken: Broken): Promise<void> {
  const { succession, old, pidFile, app, loads } = service;
  const known = succession.hosts.length;
  broken.break((code) => succession.deploy(code), app);
  await Promise.all(loads.map((load) => load.more(10)));
  const failure = await succession.call(old, 'upgrade', [], 0, 60_000).then(
    () => assert.fail('the upgrade succeeded'),
    (error) => error,
  );
  assert.equal(failure.code, 'ERR_UPGRADE_FAILED');
  assert.match(failure.message, /^the upgrade failed, and this process serves on: its? /);
  assert.match(failure.message, broken.says);
  // Nothing of the new host is left then that another attempt could meet.
  assert.equal(succession.hosts.length, known + 1);
  assert.equal(alive(succession.newest), false);
  await succession.until(() => succession.living().length === 1 + 2 + 2, 'one host with two guards and two workers');
  assert.equal(readFileSync(pidFile, 'utf8'), `${old}\n`);
  assert.equal(existsSync(`${pidFile}.2`), false);
  await Promise.all(loads.map((load) => load.more(10)));
  assert.equal(await succession.call(old, 'state'), 'running');
}

/** With code that is mended, the next upgrade is as any other. */
async function assertMended({ succession, old, pidFile, app, loads }: Service): Promise<void> {
  succession.deploy('');
  rmSync(app, { force: true });
  const { pid } = await succession.call(old, 'upgrade');
  assert.equal(pid, succession.newest);
  await succession.end(old);
  await Promise.all(loads.map((load) => load.more(10)));
  await succession.until(() => readFileSync(pidFile, 'utf8') === `${pid}\n`, 'the promotion');
  await Promise.all(loads.map((load) => load.stop()));
  assert.deepEqual(
    loads.flatMap(({ failures }) => failures),
    [],
  );
  await succession.end(pid);
  await succession.extinct();
  assert.equal(existsSync(pidFile), false);
}

test('upgrade_broken_backs_out', async (t) => {
  const service = await serve(t);
  for (const [name, broken] of Object.entries(BROKEN)) {
    t.diagnostic(name);
    await assertBacksOut(service, broken);
    service.succession.deploy('');
    rmSync(service.app, { force: true });
  }
  await assertMended(service);
});

test('upgrade_broken_backs_out: what takes too long', async (t) => {
  const service = await serve(t);
  for (const [name, broken] of Object.entries(OVERDUE)) {
    await t.test(name, () => assertBacksOut(service, broken));
    service.succession.deploy('');
  }
  await assertMended(service);
});

/* Who owns the file of a Unix socket. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { classes } from '../helpers/classes.js';
import { Host, type HostOptions } from '../helpers/host.js';
import { temporaryFolder } from '../helpers/place.js';
import { Succession } from '../helpers/succession.js';

const rootOnly = { skip: process.getuid?.() === 0 ? false : 'only root can give files away' };

const id = (flag: string, name: string): number => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }));
const idOfGroup = (name: string): number =>
  Number(execFileSync('sh', ['-c', `grep "^${name}:" /etc/group | cut -d: -f3`], { encoding: 'utf8' }));
const NOBODY = rootOnly.skip ? { uid: 0, gid: 0 } : { uid: id('-u', 'nobody'), gid: id('-g', 'nobody') };
const DAEMON = rootOnly.skip ? { uid: 0, gid: 0 } : { uid: id('-u', 'daemon'), gid: id('-g', 'daemon') };

function ownerOf(path: string): { uid: number; gid: number; mode: number } {
  const { uid, gid, mode } = lstatSync(path);
  return { uid, gid, mode: mode & 0o777 };
}

/** A folder that other accounts may enter. */
function openFolder(t: TestContext): string {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o755);
  return folder;
}

/** What a proxy of another account gets: the status, or the code of the error. */
async function askAs({ uid, gid }: { uid: number; gid: number }, socketPath: string): Promise<string> {
  // The program takes the account by itself: the node that runs the tests may be where no other account may look.
  const program = `
    const http = require('node:http');
    process.setgroups([]); process.setgid(${gid}); process.setuid(${uid});
    http.get({ socketPath: ${JSON.stringify(socketPath)}, agent: false }, (response) => {
      process.stdout.write(String(response.statusCode));
      response.resume();
    }).on('error', ({ code }) => process.stdout.write(code));`;
  return (await promisify(execFile)(process.execPath, ['-e', program])).stdout;
}

for (const { name, options } of classes(1)) {
  test(
    `with an account for the workers, a Unix socket is theirs, and a proxy of that account is served: ${name}`,
    rootOnly,
    async (t) => {
      const path = join(openFolder(t), 'socket');
      const host = new Host(t, { ...options, bind: `unix:${path}`, user: 'nobody', umask: 0o77, workers: 1 });
      await host.event('ready');
      assert.deepEqual(ownerOf(path), { ...NOBODY, mode: 0o755 });
      assert.equal(await askAs(NOBODY, path), '200');
      assert.equal(await askAs(DAEMON, path), 'EACCES');
    },
  );
}

interface Case {
  readonly options: HostOptions;
  readonly file: { readonly mode?: number; readonly user?: string | number; readonly group?: string | number };
  readonly owner: () => { uid: number; gid: number; mode: number };
  readonly daemon: string;
}

const CASES: Readonly<Record<string, Case>> = {
  'nothing is said: the master’s': {
    options: {},
    file: {},
    owner: () => ({ uid: 0, gid: 0, mode: 0o755 }),
    daemon: 'EACCES',
  },
  'a user of its own beside that of the workers': {
    options: { user: 'nobody' },
    file: { mode: 0o600, user: 'daemon' },
    owner: () => ({ uid: DAEMON.uid, gid: NOBODY.gid, mode: 0o600 }),
    daemon: '200',
  },
  'a group of its own, by name': {
    options: { user: 'nobody' },
    file: { mode: 0o660, group: 'daemon' },
    owner: () => ({ uid: NOBODY.uid, gid: DAEMON.gid, mode: 0o660 }),
    daemon: '200',
  },
  'a group of its own, by number, with the master’s user': {
    options: {},
    file: { mode: 0o660, group: rootOnly.skip ? 0 : DAEMON.gid },
    owner: () => ({ uid: 0, gid: DAEMON.gid, mode: 0o660 }),
    daemon: '200',
  },
  'both, with numbers that nobody has': {
    options: {},
    file: { mode: 0o666, user: 54321, group: 54322 },
    owner: () => ({ uid: 54321, gid: 54322, mode: 0o666 }),
    daemon: '200',
  },
  'the master’s own, by name, beside workers of another account': {
    options: { user: 'nobody' },
    file: { user: 'root', group: 'root' },
    owner: () => ({ uid: 0, gid: 0, mode: 0o755 }),
    daemon: 'EACCES',
  },
  'the group of the workers alone': {
    options: { group: 'daemon' },
    file: { mode: 0o660 },
    owner: () => ({ uid: 0, gid: idOfGroup('daemon'), mode: 0o660 }),
    daemon: '200',
  },
};

for (const [name, { options, file, owner, daemon }] of Object.entries(CASES)) {
  test(`the owner of a Unix socket: ${name}`, rootOnly, async (t) => {
    const path = join(openFolder(t), 'socket');
    const host = new Host(t, { workers: 1, ...options, bind: [{ path, ...file }, '127.0.0.1:0'] });
    await host.event('ready');
    assert.deepEqual(ownerOf(path), owner());
    assert.equal(await askAs(DAEMON, path), daemon);
    host.kill('SIGTERM');
    assert.deepEqual(await host.exited(), { code: 0, signal: null });
    assert.equal(existsSync(path), false);
  });
}

test(
  'it stays through reload, scale and upgrade, also one that somebody has given to others since',
  rootOnly,
  async (t) => {
    const path = join(openFolder(t), 'socket');
    const bind = { path, mode: 0o660, group: 'daemon' };
    const succession = await Succession.start(t, [{ bind, user: 'nobody', workers: 1 }]);
    const old = await succession.ready();
    const { ino } = lstatSync(path);
    const stays = async (uid = NOBODY.uid): Promise<void> => {
      assert.deepEqual([lstatSync(path).ino, ownerOf(path)], [ino, { uid, gid: DAEMON.gid, mode: 0o660 }]);
      assert.equal(await askAs(DAEMON, path), '200');
    };
    await stays();
    await succession.call(old, 'reload');
    await stays();
    await succession.call(old, 'scale', [2]);
    await stays();
    chownSync(path, 54321, DAEMON.gid);
    const next = await succession.upgrade(old);
    await stays(54321);
    await succession.end(old);
    await stays(54321);
    await succession.end(next);
    await succession.extinct();
    assert.equal(existsSync(path), false);
  },
);

test('a name that the system does not know is refused before anything is bound', rootOnly, async (t) => {
  const folder = openFolder(t);
  const path = join(folder, 'socket');
  for (const [file, option] of [
    [{ user: 'no-such-user' }, 'bind\\[1\\]\\.user'],
    [{ group: 'no-such-group' }, 'bind\\[1\\]\\.group'],
  ] as const) {
    const host = new Host(t, { bind: ['127.0.0.1:0', { path, ...file }], pidFile: join(folder, 'pid') });
    const [error] = await host.event('rejected');
    assert.equal(error.code, 'ERR_INVALID_OPTION');
    assert.match(error.message, new RegExp(`^option '${option}': the (user|group) no-such-(user|group) is not known`));
    assert.deepEqual(readdirSync(folder), []);
  }
});

test('who may not give the file away is told so, and leaves none', rootOnly, async (t) => {
  const folder = openFolder(t);
  chownSync(folder, 65534, 65534);
  const path = join(folder, 'socket');
  const host = new Host(t, { bind: { path, user: 0 } }, { entry: 'nobody-host.js' });
  const [error] = await host.event('rejected');
  assert.equal(error.code, 'ERR_BIND');
  assert.match(
    error.message,
    /^cannot bind unix:\S+: its file cannot be given to the user 0 and the group 65534: EPERM/,
  );
  assert.deepEqual(readdirSync(folder), []);
  // A host may give the file to its own account. (Whether workers of that account find their node is a matter of where
  // it is installed.)
  const own = new Host(t, { bind: { path, user: 65534, group: 65534 }, workers: 1 }, { entry: 'nobody-host.js' });
  await own.event('worker:spawn');
  assert.deepEqual(
    own.of('rejected').filter(({ args: [{ code }] }) => code === 'ERR_BIND'),
    [],
  );
});

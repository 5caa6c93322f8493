import assert from 'node:assert/strict';
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { ArbiterError } from '../../../build/errors.js';
import { claimPidFile } from '../../../build/system/pid-file.js';
import { fixture } from '../../helpers/host.js';
import { temporaryFolder } from '../../helpers/place.js';

const OURS = `${process.pid}\n`;
const content = (path: string): string => readFileSync(path, 'utf8');

/** The pid of a process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

function assertRefused(path: string, ...fragments: readonly string[]): void {
  assert.throws(
    () => claimPidFile(path),
    (error) => {
      assert.ok(error instanceof ArbiterError);
      assert.equal(error.code, 'ERR_PIDFILE');
      for (const fragment of [path, ...fragments]) assert.ok(error.message.includes(fragment), error.message);
      return true;
    },
  );
}

test('the pid and nothing else, readable by all whatever the umask, and no draft is left', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'app.pid');
  const umask = process.umask(0o077);
  t.after(() => process.umask(umask));
  const file = claimPidFile(path);
  assert.equal(file.path, path);
  assert.equal(content(path), OURS);
  assert.equal(statSync(path).mode & 0o777, 0o644);
  assert.deepEqual(readdirSync(folder), ['app.pid']);
  file.remove();
  file.remove();
  assert.deepEqual(readdirSync(folder), []);
});

const STALE: readonly (readonly [what: string, text: () => string])[] = [
  ['the pid of a process that has ended', () => `${deadPid()}\n`],
  ['nothing', () => ''],
  ['words', () => 'no pid\n'],
  ['the own pid, as a restarted container finds it', () => OURS],
  ['a pid with more behind it', () => `${process.ppid} 17\n`],
  ['the pid of a process group', () => '-1\n'],
  ['0, which would be the own process group', () => '0\n'],
  ['more digits than a pid has', () => '99999999999999999999\n'],
  ['a pid that no system has', () => '4294967295\n'],
  ['a file that is longer than any pid', () => ' '.repeat(100) + process.ppid],
];

for (const [what, text] of STALE) {
  test(`a file that says ${what} is replaced`, (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'app.pid');
    writeFileSync(path, text());
    const file = claimPidFile(path);
    assert.equal(content(path), OURS);
    assert.deepEqual(readdirSync(folder), ['app.pid']);
    file.remove();
    assert.equal(existsSync(path), false);
  });
}

test('a file that names a living process is refused, and left as it is', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'app.pid');
  for (const text of [`${process.ppid}\n`, String(process.ppid), ` ${process.ppid} \n`]) {
    writeFileSync(path, text);
    assertRefused(path, String(process.ppid), 'alive');
    assert.equal(content(path), text);
    assert.deepEqual(readdirSync(folder), ['app.pid']);
  }
});

test('one that has ended is not alive, also before its parent knows', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const path = join(temporaryFolder(t), 'app.pid');
  // The child outlives the shell. The program that replaces the shell does not wait for the child.
  const parent = fork(fixture('claims-pid-files.js'), {
    execPath: '/bin/sh',
    execArgv: ['-c', 'sleep 0.2 & echo $!; exec sleep 60'],
    stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
  });
  t.after(() => parent.kill('SIGKILL'));
  const [text] = await once(parent.stdout as NodeJS.ReadableStream, 'data');
  const zombie = Number(text);
  while (!readFileSync(`/proc/${zombie}/stat`, 'latin1').includes(') Z ')) await new Promise(setImmediate);
  writeFileSync(path, `${zombie}\n`);
  claimPidFile(path).remove();
});

test('what is no regular file is refused, and left alone', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'app.pid');
  mkdirSync(path);
  assertRefused(path, 'not a regular file');
  const pipe = join(folder, 'pipe');
  assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
  assertRefused(pipe, 'not a regular file');
  assert.deepEqual(readdirSync(folder).sort(), ['app.pid', 'pipe']);
});

test('a link to nowhere is replaced, not followed', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'app.pid');
  symlinkSync(join(folder, 'elsewhere'), path);
  claimPidFile(path);
  assert.equal(lstatSync(path).isFile(), true);
  assert.equal(content(path), OURS);
  assert.deepEqual(readdirSync(folder), ['app.pid']);
});

test('a folder that does not exist', (t) => {
  assertRefused(join(temporaryFolder(t), 'none', 'app.pid'), 'ENOENT');
});

test('it is removed only while it says this process', (t) => {
  const path = join(temporaryFolder(t), 'app.pid');
  for (const text of [`${process.ppid}\n`, '', `${process.pid}0\n`]) {
    const file = claimPidFile(path);
    writeFileSync(path, text);
    file.remove();
    assert.equal(content(path), text);
    truncateSync(path);
  }
});

test('two of one process cannot have the same, for the pid would tell nobody', (t) => {
  const path = join(temporaryFolder(t), 'app.pid');
  const first = claimPidFile(path);
  assertRefused(path, 'another Arbiter of this process');
  assert.equal(content(path), OURS);
  first.remove();
  claimPidFile(path).remove();
});

test('it moves in one step, and replaces what is there', (t) => {
  const folder = temporaryFolder(t);
  const [path, second] = [join(folder, 'app.pid'), join(folder, 'app.pid.2')];
  writeFileSync(path, `${process.ppid}\n`);
  const file = claimPidFile(second);
  file.moveTo(path);
  assert.equal(file.path, path);
  assert.equal(content(path), OURS);
  assert.deepEqual(readdirSync(folder), ['app.pid']);
  assertRefused(path, 'another Arbiter');
  const other = claimPidFile(second);
  other.remove();
  file.remove();
  assert.deepEqual(readdirSync(folder), []);
});

test('a move that fails says why, and the file stays what it was', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'app.pid');
  const file = claimPidFile(path);
  const to = join(folder, 'none', 'app.pid');
  assert.throws(() => file.moveTo(to), { code: 'ERR_PIDFILE', message: new RegExp(`${to}.*ENOENT`) });
  assert.equal(file.path, path);
  file.remove();
  assert.deepEqual(readdirSync(folder), []);
});

test('one that died while it replaced a stale file is not waited for: removing that file heals', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'app.pid');
  writeFileSync(path, '');
  linkSync(path, `${path}.${statSync(path).ino}.stale`);
  assertRefused(path, 'about to replace it', `remove ${path}`);
  unlinkSync(path);
  claimPidFile(path).remove();
});

test('of several that start at once over a stale file, exactly one gets it', async (t) => {
  const folder = temporaryFolder(t);
  const claimants = Array.from({ length: 4 }, () => fork(fixture('claims-pid-files.js')));
  t.after(() => claimants.forEach((child) => void child.kill('SIGKILL')));
  const stale = `${deadPid()}\n`;
  for (let round = 0; round < 200; round++) {
    const path = join(folder, `${round}.pid`);
    if (round % 2 === 0) writeFileSync(path, stale);
    const answers = claimants.map((child) => once(child, 'message'));
    for (const child of claimants) child.send(path);
    const codes = (await Promise.all(answers)).map(([{ code }]) => code);
    const winner = claimants[codes.indexOf(undefined)];
    assert.deepEqual(
      codes.filter((code) => code !== undefined),
      Array(3).fill('ERR_PIDFILE'),
      `round ${round}: ${codes}`,
    );
    assert.equal(content(path), `${winner?.pid}\n`);
  }
  assert.equal(readdirSync(folder).length, 200);
});

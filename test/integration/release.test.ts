/*
 * .ci/release in a repository of its own, with an npm that only notes what it is asked for: what the script refuses,
 * and in which order it goes on.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { temporaryFolder } from '../helpers/place.js';
import { PROJECT } from '../helpers/project.js';

const skip = spawnSync('git', ['--version']).error !== undefined && 'there is no git';
const AUTHOR = ['-c', 'user.name=somebody', '-c', 'user.email=somebody@localhost', '-c', 'commit.gpgsign=false'];

interface Release {
  readonly folder: string;
  readonly git: (...args: string[]) => void;
  /** Its exit code and what it says, and the calls of npm. */
  readonly run: (...args: string[]) => { code: number | null; says: string; calls: readonly string[] };
}

/** A commit of version 1.2.3 with all that a release wants; `fails` is the call of npm that does not succeed. */
function release(
  t: TestContext,
  repository: unknown = { type: 'git', url: 'git+https://localhost/some.git' },
  fails = '-',
): Release {
  const place = temporaryFolder(t);
  const [folder, bin, log] = [join(place, 'project'), join(place, 'bin'), join(place, 'calls')];
  for (const path of [join(folder, '.ci'), bin]) mkdirSync(path, { recursive: true });
  cpSync(join(PROJECT, '.ci/release'), join(folder, '.ci/release'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'some', version: '1.2.3', repository }));
  writeFileSync(join(folder, 'CHANGELOG.md'), '# Changelog\n\n## 1.2.3 - 2026-12-01\n');
  const npm = `#!/bin/sh\necho "$*" >> '${log}'\ncase "$*" in ${fails}*) exit 1;; esac\n`;
  writeFileSync(join(bin, 'npm'), npm, { mode: 0o755 });
  const git = (...args: string[]): void =>
    void execFileSync('git', [...AUTHOR, ...args], { cwd: folder, stdio: 'pipe' });
  git('init', '--quiet');
  git('add', '--all');
  git('commit', '--quiet', '--message', '1.2.3');
  git('tag', 'v1.2.3');
  const env = { ...process.env, PATH: [bin, process.env['PATH']].join(delimiter) };
  return {
    folder,
    git,
    run(...args) {
      const { status, stderr } = spawnSync(join(folder, '.ci/release'), args, {
        env,
        encoding: 'utf8',
        timeout: 60_000,
      });
      const calls = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
      return { code: status, says: stderr, calls };
    },
  };
}

test('what is published has been installed anew and tested, and states where it is from', { skip }, (t) => {
  const { code, says, calls } = release(t).run();
  assert.deepEqual([code, says], [0, '']);
  assert.deepEqual(calls, ['ci --no-audit --no-fund', 'test', 'publish --provenance --access public']);
});

test('a dry run only packs, dry', { skip }, (t) => {
  const { code, calls } = release(t).run('--dry-run');
  assert.equal(code, 0);
  assert.deepEqual(calls, ['ci --no-audit --no-fund', 'pack --dry-run']);
});

test('nothing is published when the tests fail', { skip }, (t) => {
  const { code, calls } = release(t, undefined, 'test').run();
  assert.equal(code, 1);
  assert.deepEqual(calls, ['ci --no-audit --no-fund', 'test']);
});

const REFUSED: readonly [why: string, says: RegExp, spoil: (release: Release) => void][] = [
  [
    'a change that is not committed',
    /working tree has changes/,
    ({ folder }) => writeFileSync(join(folder, 'new.js'), ''),
  ],
  ['no tag of this version', /no tag v1\.2\.3/, ({ git }) => git('tag', '--delete', 'v1.2.3')],
  [
    'a tag of another commit',
    /no tag v1\.2\.3/,
    ({ git }) => git('commit', '--quiet', '--allow-empty', '--message', 'one more'),
  ],
  [
    'no heading in the changelog',
    /no heading '## 1\.2\.3 - DATE'/,
    ({ folder, git }) => {
      writeFileSync(join(folder, 'CHANGELOG.md'), '# Changelog\n\n## Unreleased\n');
      git('commit', '--quiet', '--all', '--message', 'unreleased');
      git('tag', '--force', 'v1.2.3');
    },
  ],
];
for (const [why, says, spoil] of REFUSED) {
  test(`refused: ${why}`, { skip }, (t) => {
    const spoilt = release(t);
    spoil(spoilt);
    const ran = spoilt.run();
    assert.equal(ran.code, 1);
    assert.match(ran.says, says);
    assert.deepEqual(ran.calls, []);
  });
}

for (const repository of [undefined, 'github:somebody/some']) {
  test(`refused: the repository ${repository ?? 'is not named'}`, { skip }, (t) => {
    const ran = release(t, repository ?? null).run();
    assert.equal(ran.code, 1);
    assert.match(ran.says, /no repository\.url.*CONTRIBUTING\.md/);
    assert.deepEqual(ran.calls, []);
  });
}

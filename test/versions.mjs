// Runs the built test suite on other versions of Node: npm run test:versions -- 22 24 26
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

const versions = process.argv.slice(2).length > 0 ? process.argv.slice(2) : ['22', '24', '26'];
const files = ['unit', 'integration'].flatMap((folder) =>
  readdirSync(`dist-test/${folder}`)
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => `dist-test/${folder}/${name}`),
);
for (const version of versions) {
  console.log(`# Node ${version}`);
  const node = ['exec', '--yes', `--package=node@${version}`, '--', 'node'];
  const flags = ['--test', '--test-reporter=spec', '--test-concurrency=2', '--test-timeout=1200000'];
  const { status } = spawnSync('npm', [...node, ...flags, ...files], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}

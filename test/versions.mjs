// Runs the built test suite on other versions of Node: npm run test:versions -- 22 24 26
import { spawnSync } from 'node:child_process';

const versions = process.argv.slice(2).length > 0 ? process.argv.slice(2) : ['22', '24', '26'];
for (const version of versions) {
  console.log(`# Node ${version}`);
  const node = ['exec', '--yes', `--package=node@${version}`, '--', 'node'];
  const { status } = spawnSync('npm', [...node, 'test/run.mjs'], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}

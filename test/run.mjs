// Runs the tests as they are built, with the Node that runs this; further arguments are flags of node.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

/** Most of the time of most tests is that of processes that boot, on all CPUs, and of waits. What counts what is lost while it is busy itself runs alone, and first. */
const STEPS = [
  { folders: ['alone'], atOnce: 1 },
  { folders: ['unit', 'integration'], atOnce: 4 },
];

for (const { folders, atOnce } of STEPS) {
  const files = folders.flatMap((folder) =>
    readdirSync(`dist-test/${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.js'))
      .map((name) => `dist-test/${folder}/${name}`),
  );
  const flags = ['--test', `--test-concurrency=${atOnce}`, '--test-timeout=1200000', ...process.argv.slice(2)];
  const { status } = spawnSync(process.execPath, [...flags, ...files], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}

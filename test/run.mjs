// Runs the tests as they are built, with the Node that runs this; further arguments are flags of node.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Most of the time of most tests is that of processes that boot, on all CPUs, and of waits. What counts what is lost while it is busy itself runs alone, and first; the short
 * ones come last, so that no CPU is idle in the end.
 */
const STEPS = [
  { name: 'alone', folders: ['alone'], atOnce: 1 },
  { name: 'others', folders: ['integration', 'unit'], atOnce: 5 },
];

/*
 * Certificates beside Node's own are read by each process as it starts: with those of a whole system that is more than half of what the start of
 * node itself takes, of thousands of processes. Only npm speaks to others, and gets them, see `test/helpers/project.ts`.
 */
const { NODE_EXTRA_CA_CERTS, ...inherited } = process.env;
const env = { ...inherited, ...(NODE_EXTRA_CA_CERTS && { TEST_EXTRA_CA_CERTS: NODE_EXTRA_CA_CERTS }) };

const scratch = mkdtempSync(join(tmpdir(), 'prefork-run-'));
const failures = ({ name }) => join(scratch, name);

for (const step of STEPS) {
  const files = step.folders.flatMap((folder) =>
    readdirSync(`dist-test/${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.js'))
      .map((name) => `dist-test/${folder}/${name}`),
  );
  const flags = [
    '--test',
    `--test-concurrency=${step.atOnce}`,
    '--test-timeout=1200000',
    '--test-reporter=tap',
    '--test-reporter-destination=stdout',
    '--test-reporter=./test/failures.mjs',
    `--test-reporter-destination=${failures(step)}`,
  ];
  const { status } = spawnSync(process.execPath, [...flags, ...process.argv.slice(2), ...files], {
    stdio: 'inherit',
    env,
  });
  if (status !== 0) process.exitCode = 1;
}

// Once more what failed, where somebody finds it who sees only the end of thousands of lines.
for (const step of STEPS) process.stdout.write(readFileSync(failures(step), 'utf8'));
rmSync(scratch, { recursive: true });

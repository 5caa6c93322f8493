/* Runs every script and writes RESULTS.md from what they print. Its arguments (`--quick`) go to the scripts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { environment, PART } from './harness/report.mjs';

const args = process.argv.slice(2);
const soakKills = args.includes('--quick') ? '40' : '1000';
const PARTS = [
  ['throughput.mjs', ...args],
  ['herd.mjs', ...args],
  ['memory.mjs', ...args],
  ['respawn.mjs', ...args],
  ['scoreboard.mjs', ...args],
  ['queueing.mjs', ...args],
  ['keepalive.mjs', ...args],
  ['slow-clients.mjs', ...args],
  ['idle.mjs', ...args],
  ['roster.mjs', ...args],
  ['soak.mjs', soakKills],
];

const RESULTS = fileURLToPath(new URL('./RESULTS.md', import.meta.url));
const head = `# Results

Written by \`node bench/all.mjs${args.map((arg) => ` ${arg}`).join('')}\`; do not edit. What each script claims and how it measures is in README.md.
Ratios are those of the same round: median (min-max).

${environment()}
`;
const sections = [];
for (const [script, ...rest] of PARTS) {
  console.error(`\n${script}`);
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, [path, ...rest], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, [PART]: '1' },
  });
  const ended = once(child, 'exit');
  sections.push((await child.stdout.setEncoding('utf8').toArray()).join(''));
  const [code, signal] = await ended;
  if (code === 0) continue;
  sections.push(`**${script} failed: ${signal ?? `exit code ${code}`}**\n`);
  process.exitCode = 1;
}
writeFileSync(RESULTS, [head, ...sections].join('\n').replaceAll(/\n{3,}/g, '\n\n'));
console.error(`written: ${RESULTS}`);

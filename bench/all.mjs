/*
 * Runs the scripts and writes RESULTS.md from what they print: all of them, or those that are named
 * (`queueing roster`). The sections of named scripts replace the older ones, and each says on which machine it was
 * measured. Flags (`--quick`) are passed to the scripts. Three run only if they are named: `where`, and `since` and
 * `inline`, which need an earlier build.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { environment, PART } from './harness/report.mjs';

const args = process.argv.slice(2);
const flags = args.filter((arg) => arg.startsWith('--'));
const named = args.filter((arg) => !arg.startsWith('--'));
// The head to head comes first: it needs a machine that has been idle, and scripts before it would be load.
const SCRIPTS = [
  'head-to-head',
  'throughput',
  'herd',
  'memory',
  'respawn',
  'scoreboard',
  'queueing',
  'keepalive',
  'slow-clients',
];
SCRIPTS.push('slow-attack', 'fairness', 'idle', 'roster', 'resting', 'watchdog', 'reload', 'boot', 'tls', 'syscalls');
SCRIPTS.push('insight', 'slow-reports', 'control', 'soak');
const ALL = [...SCRIPTS, 'where', 'since', 'inline'];
const unknown = named.find((name) => !ALL.includes(name));
if (unknown !== undefined) throw new RangeError(`expected names out of ${ALL.join(', ')}, got '${unknown}'`);

const RESULTS = fileURLToPath(new URL('./RESULTS.md', import.meta.url));
const [head, ...before] = named.length > 0 ? readFileSync(RESULTS, 'utf8').split(/^(?=## )/m) : [heading()];
const sections = new Map(
  ALL.map((name) => [name, before.find((section) => section.includes(`\`node bench/${name}.mjs`)) ?? '']),
);

for (const name of named.length > 0 ? named : SCRIPTS) {
  console.error(`\n${name}`);
  sections.set(name, await run(name));
}
const text = [withCommits(head), ...sections.values()].join('\n').replaceAll(/\n{3,}/g, '\n\n');
writeFileSync(RESULTS, text);
console.error(`written: ${RESULTS}`);

function heading() {
  return `# Results

Written by \`node bench/all.mjs${flags.map((flag) => ` ${flag}`).join('')}\`; do not edit. What each script claims and how it measures is in README.md.
Ratios are those of the same round: median (min-max).

${environment()}
`;
}

/** Adds a line that says of which commits the sections are: those that name none are of the commit in the head. */
function withCommits(text) {
  const COMMIT = /^- prefork .*, commit (\w+)/m;
  const [, own] = COMMIT.exec(text) ?? [];
  const found = new Map();
  for (const [name, section] of sections) {
    if (section === '') continue;
    const commit = COMMIT.exec(section)?.[1] ?? own;
    found.set(commit, [...(found.get(commit) ?? []), name]);
  }
  const list = [...found].map(([commit, names]) => `${commit} (${names.join(', ')})`).join('; ');
  const line =
    found.size === 1 ? `Every row is of commit ${[...found.keys()][0]}.` : `Commits of the sections: ${list}.`;
  return `${text.replace(/\n(Every row is of commit|Commits of the sections:) .*\n/, '').trimEnd()}\n\n${line}\n\n`;
}

async function run(name) {
  const path = fileURLToPath(new URL(`${name}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [path, ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...(named.length === 0 && { [PART]: '1' }) },
  });
  const ended = once(child, 'exit');
  const text = (await child.stdout.setEncoding('utf8').toArray()).join('');
  const [code, signal] = await ended;
  if (code === 0) return text;
  process.exitCode = 1;
  const failed = `**${name}.mjs failed: ${signal ?? `exit code ${code}`}**`;
  console.error(failed);
  // A script that failed without a result does not replace its earlier section.
  return text === '' && sections.get(name) ? sections.get(name) : `${text}\n${failed}\n`;
}

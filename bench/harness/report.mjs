import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { basename } from 'node:path';

/** The variable that `all.mjs` sets for the scripts of a full run, since it then describes the machine itself, once. */
export const PART = 'PREFORK_BENCH_PART';

/** Prints a section in markdown: its title, the command line and what was measured. */
export function report(title, ...blocks) {
  const [, script, ...args] = process.argv;
  const command = `\`node bench/${[basename(script), ...args].join(' ')}\``;
  const machine = process.env[PART] === undefined ? [environment()] : [];
  console.log([`## ${title}`, command, ...blocks, ...machine].join('\n\n').concat('\n'));
}

/** A table in markdown. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** The cell of a target: it says whether the figure reaches it. */
export function atLeast(target, value) {
  return `≥ ${target}: ${value >= target ? 'met' : '**missed**'}`;
}

export function atMost(target, value) {
  return `≤ ${target}: ${value <= target ? 'met' : '**missed**'}`;
}

/** A list in markdown: the machine and the versions. */
export function environment() {
  const [cpu] = os.cpus();
  return [
    `- machine: ${cpu?.model.trim()}, ${os.availableParallelism()} cores, ${(os.totalmem() / 2 ** 30).toFixed(0)} GB`,
    `- kernel: ${os.type()} ${os.release()}; load average before: ${loadAverage}`,
    `- node ${process.version}, ${['wrk -v', 'gunicorn --version', 'puma --version'].map(version).join(', ')}`,
    `- prefork ${commit()}, ${new Date().toISOString().slice(0, 16)}Z`,
  ].join('\n');
}

/** The load average of the minute before this script began. */
export const loadAverage = os.loadavg()[0]?.toFixed(2);

function version(command) {
  const [program, flag] = command.split(' ');
  const { error, stdout } = spawnSync(program, [flag], { encoding: 'utf8' });
  return `${program} ${error ? 'not installed' : (/\d+\.\d+(\.\d+)?/.exec(stdout)?.[0] ?? 'of unknown version')}`;
}

/** Version and commit of this build. */
export function commit() {
  const root = new URL('../../', import.meta.url);
  const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const git = (...args) => spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout?.trim();
  const changed = git('status', '--porcelain', 'lib') ? ' with changes' : '';
  return `${version}, commit ${git('rev-parse', '--short', 'HEAD') || 'unknown'}${changed}`;
}

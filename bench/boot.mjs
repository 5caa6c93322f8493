/*
 * Claim: with Node's compile cache, 8 workers of a large application boot sooner than as many plain processes that are
 * started at once. Run this with a Node that has the cache (24.12 or later).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import module from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keep } from './harness/peer.mjs';
import { atMost, report, table } from './harness/report.mjs';
import { alternate, median, ratios, spread } from './harness/rounds.mjs';
import { settings } from './harness/settings.mjs';

const TARGET = 0.8;
const HOST = fileURLToPath(new URL('./peers/boots.mjs', import.meta.url));

const { rounds, workers, megabytes } = settings({ rounds: 7, workers: 8, megabytes: 20 }, { rounds: 2 });
const folder = mkdtempSync(join(tmpdir(), 'prefork-boot-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const app = writeApplication();
const full = join(folder, 'full');

/** Starts a program. Resolves with the milliseconds until it has printed this number of lines. */
async function boot(args, lines, env) {
  const started = performance.now();
  const child = keep(
    spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } }),
  );
  const ended = once(child, 'exit');
  let text = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    text += chunk;
    if (text.split('\n').length > lines) break;
  }
  const elapsed = performance.now() - started;
  if (text.split('\n').length <= lines) throw new Error(`${args.join(' ')} ended after ${JSON.stringify(text)}`);
  child.kill('SIGTERM');
  await ended;
  return elapsed;
}

const plain = async () =>
  Math.max(...(await Promise.all(Array.from({ length: workers }, () => boot([app, 'alone'], 1)))));
const ours = (env) => () => boot([HOST, app, workers], 1, env);
const cold = () => ours({ NODE_COMPILE_CACHE: mkdtempSync(join(folder, 'cold-')) })();
const kinds = [
  ['plain processes, started at once', plain],
  ['prefork', ours({})],
  ...(module.constants?.compileCacheStatus
    ? [
        ['prefork, compile cache that is empty', cold],
        ['prefork, compile cache of the boot before', ours({ NODE_COMPILE_CACHE: full })],
      ]
    : []),
];
if (kinds.length > 2) await ours({ NODE_COMPILE_CACHE: full })();
const results = await alternate(kinds, rounds, ([, measure]) => measure());
const [base] = results;
report(
  `Boot: ${workers} processes of an application of ${megabytes} MB`,
  `${rounds} alternating rounds; milliseconds until the last one listens, of prefork from the start of its host; median (min-max).`,
  table(
    ['', 'ms', '/ plain', 'target'],
    kinds.map(([title], index) => {
      const ratio = ratios(results[index], base);
      const target = index === 3 ? atMost(TARGET, median(ratio)) : '';
      return [title, spread(results[index], 0), index === 0 ? '' : spread(ratio), target];
    }),
  ),
);

/**
 * Writes modules of a hundred kilobytes each, a tenth of whose functions is called while they are loaded. Returns the
 * path of one more module, which imports them all.
 */
function writeApplication() {
  const names = Array.from({ length: megabytes * 10 }, (_, index) => `part-${index}.mjs`);
  for (const [part, name] of names.entries()) writeFileSync(join(folder, name), modulePart(part));
  const path = join(folder, 'app.mjs');
  writeFileSync(
    path,
    [
      "import { createServer } from 'node:http';",
      ...names.map((name, index) => `import { total as total${index} } from './${name}';`),
      `const sum = ${names.map((_, index) => `total${index}`).join(' + ')};`,
      'const handler = (_request, response) => response.end(String(sum));',
      'export default handler;',
      "if (process.argv[2] === 'alone') createServer(handler).listen(0, '127.0.0.1', () => console.log('ready'));",
    ].join('\n'),
  );
  return path;
}

function modulePart(part) {
  const lines = ['export let total = 0;'];
  for (let index = 0, bytes = 0; bytes < 100_000; index++) {
    const source = `function work${index}(list, options = {}) {
  const { start = ${part}, step = ${index + 1} } = options;
  const seen = new Map();
  for (const [place, item] of list.entries()) {
    const key = \`\${item.name ?? 'none'}-\${place % step}\`;
    if (!seen.has(key)) seen.set(key, { count: 0, items: [], at: start + place * step });
    const entry = seen.get(key);
    entry.count += item.weight ?? 1;
    entry.items.push({ ...item, place, total: entry.count * ${index + 3} });
  }
  return [...seen.values()].filter(({ count }) => count > 0).reduce((sum, { at, count }) => sum + at + count, 0);
}
${index % 10 === 0 ? `total += work${index}([{ name: 'a', weight: 2 }, { weight: 3 }]);\n` : ''}`;
    lines.push(source);
    bytes += source.length;
  }
  return lines.join('\n');
}

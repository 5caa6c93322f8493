/* Next.js compresses and streams by itself, with methods of the response that it replaces: a drain leaves its answers whole. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { amount } from '../helpers/amount.js';
import { CLASSES } from '../helpers/classes.js';
import { prefork, readyAt, survivesReload } from '../helpers/command.js';
import { answersInDrain, DRAINS, type Unpacked } from '../helpers/drains.js';
import { fixture, type HostOptions } from '../helpers/host.js';
import { PROJECT } from '../helpers/project.js';

const PATHS = ['/cookie', '/held', '/'];
const FOR_ALL: Readonly<Record<(typeof CLASSES)[number], HostOptions & { workers: number }>> = {
  sync: { workers: PATHS.length, surge: PATHS.length },
  threaded: { workers: 1, threads: PATHS.length },
  async: { workers: 1 },
};

/** Within this project, where Next finds itself. */
const folder = mkdtempSync(join(PROJECT, 'dist-test/next-'));
const env = { NEXT_TELEMETRY_DISABLED: '1', NEXT_DIR: folder };

before(() => {
  cpSync(join(PROJECT, 'test/fixtures/next-app'), folder, { recursive: true });
  const next = join(PROJECT, 'node_modules/next/dist/bin/next');
  // Its other bundler takes three times as long.
  execFileSync(process.execPath, [next, 'build', '--webpack'], { cwd: folder, env: { ...process.env, ...env } });
});
after(() => rmSync(folder, { recursive: true, force: true }));

function assertWhole(path: string, { status, headers, text }: Unpacked): void {
  assert.deepEqual([status, headers['content-encoding']], [200, 'gzip'], path);
  assert.match(text, path === '/cookie' ? /the end$/ : /the end<.*<\/html>$/s, path);
  if (path === '/cookie') assert.deepEqual(headers['set-cookie'], ['session=a', 'csrf=b']);
  // The head of that one had gone before the drain.
  if (path !== '/') assert.equal(headers.connection, 'close', path);
}

const WAYS = [...(Object.keys(DRAINS) as (keyof typeof DRAINS)[]), 'recycle'] as const;
/** To start it takes a second of CPU for each worker. What does not hang on Next, each way of each class, is with other middleware in the suite. */
const OF_CLASS = amount({
  suite: { sync: ['reload'], threaded: ['TERM'], async: WAYS },
  long: { sync: WAYS, threaded: WAYS, async: WAYS },
} as const);

for (const workerClass of CLASSES) {
  for (const way of OF_CLASS[workerClass]) {
    test(`drain_keeps_next: ${way}, ${workerClass}`, async (t) => {
      // Several workers are recycled one after the other.
      const alone = way === 'recycle' && workerClass === 'sync';
      const paths = alone ? PATHS.slice(1, 2) : PATHS;
      const options = {
        workerClass,
        app: fixture('next-server.js'),
        ...FOR_ALL[workerClass],
        ...(alone && { workers: 1 }),
      };
      const { answers } = await answersInDrain(t, way, options, paths, { env, quick: '/cookie?quick' });
      for (const path of paths) assertWhole(path, answers[path] as Unpacked);
    });
  }
}

test('run_unchanged: a script of Next.js, reloaded under load', async (t) => {
  const script = `const { createServer } = require('node:http');
const app = require('next')({ dev: false, dir: __dirname });
app.prepare().then(() => {
  const handle = app.getRequestHandler();
  createServer((request, response) => handle(request, response)).listen(3000, () => console.log('> Ready'));
});`;
  writeFileSync(join(folder, 'server.cjs'), script);
  const args = ['-w', '4', '--surge', '4', '-b', '127.0.0.1:0', 'run', 'server.cjs'];
  const program = prefork(t, args, { cwd: folder, env });
  await survivesReload(t, program, `${await readyAt(program)}/cookie?quick`, /the end/);
  assert.match(program.output, /^> Ready$/m);
});

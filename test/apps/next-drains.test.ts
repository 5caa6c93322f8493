/* Next.js compresses and streams by itself, and replaces methods of the response for that. A drain leaves its answers whole. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { CLASSES } from '../helpers/classes.js';
import { prefork, readyAt, survivesReload } from '../helpers/command.js';
import { answersInDrain, DRAINS, type Unpacked } from '../helpers/drains.js';
import { fixture, type HostOptions } from '../helpers/host.js';
import { installed } from '../helpers/installed.js';
import next from './next.js';

const PATHS = ['/cookie', '/held', '/'];
const FOR_ALL: Readonly<Record<(typeof CLASSES)[number], HostOptions & { workers: number }>> = {
  sync: { workers: PATHS.length, surge: PATHS.length },
  threaded: { workers: 1, threads: PATHS.length },
  async: { workers: 1 },
};

let folder = '';
const undo: (() => unknown)[] = [];
before(() => {
  folder = installed({ after: (act) => undo.push(act as () => unknown) }, 'next', next);
  // If the test says so, this application loads only when the test lets it.
  writeFileSync(
    join(folder, 'held.mjs'),
    `import ${JSON.stringify(fixture('load-gate.js'))};\nexport { default } from './next-app.mjs';\n`,
  );
});
after(() => {
  for (const act of undo) act();
});

function assertWhole(path: string, { status, headers, text }: Unpacked): void {
  assert.deepEqual([status, headers['content-encoding']], [200, 'gzip'], path);
  assert.match(text, path === '/cookie' ? /the end$/ : /the end<.*<\/html>$/s, path);
  if (path === '/cookie') assert.deepEqual(headers['set-cookie'], ['session=a', 'csrf=b']);
  // The head of that answer was sent before the drain.
  if (path !== '/') assert.equal(headers.connection, 'close', path);
}

const WAYS = [...(Object.keys(DRAINS) as (keyof typeof DRAINS)[]), 'recycle'] as const;
for (const workerClass of CLASSES) {
  for (const way of WAYS) {
    test(`drain_keeps_next: ${way}, ${workerClass}`, async (t) => {
      // Several workers are recycled one after the other.
      const alone = way === 'recycle' && workerClass === 'sync';
      const paths = alone ? PATHS.slice(1, 2) : PATHS;
      const options = {
        workerClass,
        app: join(folder, 'held.mjs'),
        cwd: folder,
        ...FOR_ALL[workerClass],
        ...(alone && { workers: 1 }),
      };
      const { answers } = await answersInDrain(t, way, options, paths, { env: next.env ?? {}, quick: '/cookie?quick' });
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
  const program = prefork(t, args, { cwd: folder, env: next.env ?? {} });
  await survivesReload(t, program, `${await readyAt(program)}/cookie?quick`, /the end/);
  assert.match(program.output, /^> Ready$/m);
});

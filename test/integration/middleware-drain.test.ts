/*
 * A drain takes nothing from an answer: whatever makes the worker leave, the answer has all that real middleware does
 * to heads and bodies.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { PIECES } from '../fixtures/middleware-app.js';
import { CLASSES } from '../helpers/classes.js';
import { answersInDrain, DRAINS, type Unpacked } from '../helpers/drains.js';
import type { HostOptions } from '../helpers/host.js';
import { fixture } from '../helpers/host.js';
import { keepHosts } from '../helpers/kept.js';

keepHosts();

const SESSIONS: Readonly<Record<string, RegExp>> = {
  '/session': /^connect\.sid=/,
  '/stream': /^connect\.sid=/,
  '/cookie': /^kept=/,
};
const PATHS = [...Object.keys(SESSIONS), '/streaming'];
/** Sync and threaded serve one request at a time here; an async worker holds one of each path. */
const SINGLE: Readonly<Record<(typeof CLASSES)[number], HostOptions & { workers: number }>> = {
  sync: { workers: 1 },
  threaded: { workers: 1, threads: 1 },
  async: { workers: 1 },
};

function assertWhole(path: string, { status, headers, text }: Unpacked, isThreaded: boolean): void {
  const pieces = path.startsWith('/stream') ? PIECES.join('') : JSON.stringify(PIECES);
  assert.deepEqual([status, headers['content-encoding'], text], [200, 'gzip', pieces], path);
  assert.match(String(headers['x-response-time']), /^\d+\.\d+ms$/, path);
  const session = SESSIONS[path];
  if (session) assert.match(headers['set-cookie']?.[0] ?? '', session, path);
  // The head of a streamed answer had gone before the drain, and a thread may hear of the drain a moment later:
  // `answersInDrain` has it say so soon.
  if (path !== '/streaming' && !isThreaded) assert.equal(headers.connection, 'close', path);
}

for (const [number, workerClass] of CLASSES.entries()) {
  for (const [nth, way] of ([...Object.keys(DRAINS), 'recycle'] as (keyof typeof DRAINS | 'recycle')[]).entries()) {
    test(`drain_keeps_middleware: ${way}, ${workerClass}`, async (t) => {
      // A worker that holds one request has all of the middleware to load too, so each test takes one path, and another
      // one each time.
      const paths = workerClass === 'async' ? PATHS : [PATHS[(number + nth) % PATHS.length] as string];
      const options = { workerClass, app: fixture('middleware-app.js'), ...SINGLE[workerClass] };
      const { host, answers } = await answersInDrain(t, way, options, paths, { quick: '/quick' });
      for (const path of paths) assertWhole(path, answers[path] as Unpacked, workerClass === 'threaded');
      for (const path of paths)
        await host.until(() => host.log.includes(`morgan: GET ${path} 200\n`), `the log of ${path}`);
    });
  }
}

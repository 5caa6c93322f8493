import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { takeName } from '../../../../build/master/site/inline-names.js';

const says = (text: string) => () => text;
const app = says('a');
const brought = (other: unknown, workerClass?: unknown) => ({ app: other, workerClass });
const refused = (pattern: RegExp) => ({ code: 'ERR_STATE', message: pattern });

test('a name that an Arbiter runs with is taken, also for the same application', () => {
  const release = takeName('runs', brought(app));
  assert.throws(() => takeName('runs', brought(app)), refused(/runs as 'runs' here; option 'name' must differ$/));
  release();
  takeName('runs', brought(app))();
});

test('behind its end, another application is refused, and that one is not', () => {
  takeName('again', brought(app))();
  const before = refused(
    /^start: an Arbiter with another inline app was started as 'again' here before, which a worker/,
  );
  assert.throws(
    () =>
      takeName(
        'again',
        brought(() => 'b'),
      ),
    before,
  );
  assert.throws(() => takeName('again', brought({ fetch: app })), before);
  assert.throws(() => takeName('again', brought(app, class Other {})), before);
  takeName('again', brought(app))();
  takeName(
    'another',
    brought(() => 'b'),
  )();
});

test('what has the same code may be the same, or not: that is told once', async () => {
  takeName('copies', brought(says('a')))();
  const warned = once(process, 'warning');
  takeName('copies', brought(says('b')))();
  const [warning] = await warned;
  assert.match(
    warning.message,
    /^prefork: .* 'copies' here before, .*; if the two are not the same, option 'name' must differ$/,
  );
  const more: Error[] = [];
  const note = (error: Error): unknown => more.push(error);
  process.on('warning', note);
  takeName('copies', brought(says('c')))();
  await new Promise(setImmediate);
  process.off('warning', note);
  assert.deepEqual(more, []);
});

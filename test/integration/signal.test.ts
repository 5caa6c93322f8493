import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { classes } from '../helpers/classes.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';
import { openStream } from '../helpers/stream.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/* `worker.signal` and `Worker#signal` themselves; what they are for is in endless.test.ts. */

const app = fixture('signals.js');
const UNHURRIED = { workers: 1, gracefulTimeout: 2 ** 31 - 1 };
const STOPPED = { code: 0, signal: null, reason: 'stop' };
const told = (host: Host): unknown[] => host.of('worker:message').map(({ args }) => args[1]);
const REASON = {
  name: 'AbortError',
  message: 'this worker drains: it takes no more work, and ends when what is under way has ended',
};

for (const { name, options } of classes(2)) {
  test(`its reason says what happens, once: ${name}`, async (t) => {
    const host = new Host(t, { ...UNHURRIED, ...options, app }, { env: { LISTENS: 'reason' } });
    assert.equal((await get(`${await host.ready()}/`)).body, 'false');
    await host.call('stop');
    const threads = name === 'threaded' ? [1, 2] : [0];
    const seen = told(host) as { thread: number }[];
    assert.deepEqual(
      seen.sort((one, other) => one.thread - other.thread),
      threads.map((thread) => ({ ...REASON, thread, same: true, aborted: true })),
    );
  });

  test(`listeners that throw are reported, and hurt nobody: ${name}`, async (t) => {
    const host = new Host(t, { ...UNHURRIED, ...options, app }, { env: { LISTENS: 'throws' } });
    const stream = await openStream(`${await host.ready()}/waits`);
    await host.call('stop');
    assert.deepEqual(await stream.over, { text: 'firstlast', whole: true });
    assert.deepEqual((await host.event('worker:exit'))[1], STOPPED);
    assert.ok(told(host).includes('the last listener'));
    const errors = new Set(host.of('worker:error').map(({ args }) => args[1].message));
    const all = [
      'a listener threw',
      'a listener rejected',
      'onabort threw',
      'a promise was forgotten',
      'a timer threw',
    ];
    assert.deepEqual([...errors].sort(), all.sort());
    assert.deepEqual(host.of('thread:exit'), []);
  });

  test(`any number may listen: ${name}`, async (t) => {
    const host = new Host(t, { ...UNHURRIED, ...options, app }, { env: { LISTENS: 'many' } });
    await host.ready();
    await host.until(() => told(host).includes('listened'), 'the listeners');
    await host.call('stop');
    assert.ok(!told(host).some((message) => String(message).includes('Warning')), host.log);
    assert.doesNotMatch(host.log, /MaxListeners/);
  });

  test(`a quick stop does not fire it: ${name}`, async (t) => {
    const host = new Host(t, { ...UNHURRIED, ...options, app }, { env: { LISTENS: 'reason' } });
    await host.ready();
    await host.call('stop', { graceful: false });
    assert.deepEqual((await host.event('worker:exit'))[1], STOPPED);
    assert.deepEqual(told(host), []);
  });

  test(`it fires when the master is gone: ${name}`, async (t) => {
    const file = join(temporaryFolder(t), 'reason');
    const env = { LISTENS: 'file', LISTENS_FILE: file };
    const host = new Host(t, { ...UNHURRIED, ...options, app }, { env });
    await host.ready();
    host.kill('SIGKILL');
    const files = name === 'threaded' ? [`${file}.1`, `${file}.2`] : [`${file}.0`];
    await eventually(() => files.every((each) => existsSync(each) && readFileSync(each, 'utf8') !== ''), 'the signals');
    const expected = name === 'threaded' ? REASON.message : 'the master of this worker is gone: it ends at once';
    assert.deepEqual(new Set(files.map((each) => readFileSync(each, 'utf8'))), new Set([expected]));
  });
}

test('a worker without HTTP has it, and it fires before stop() is called', async (t) => {
  const host = new Host(t, { ...UNHURRIED, app, workerClass: `${app}#Loop`, bind: [] });
  await host.event('ready');
  await host.call('stop');
  assert.deepEqual(told(host), ['loop ended, aborted: true', 'stop, aborted: true, true']);
  assert.deepEqual((await host.event('worker:exit'))[1], STOPPED);
});

test('who asks for it only after it has fired gets one that has', async (t) => {
  const host = new Host(t, { ...UNHURRIED, app: fixture('app.js'), workerClass: `${app}#Late` });
  await host.ready();
  await host.call('stop');
  assert.deepEqual(told(host), ['true AbortError']);
});

test('the main thread of a worker with threads has one too, and the master none', async (t) => {
  const program = new Program(t, process.execPath, [fixture('signals-everywhere.js')]);
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
  const lines = program.output.split('\n').filter((line) => line.startsWith('signal in') || line.startsWith('in the'));
  assert.deepEqual(lines.sort(), ['in the master: undefined', 'signal in 0', 'signal in 1', 'signal in 2']);
});

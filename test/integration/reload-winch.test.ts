/* WINCH lets all workers go. Clients wait in the accept queue of the kernel until somebody brings workers back. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { Host, type HostOptions } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { createLoadGate, type LoadGate } from '../helpers/load-gate.js';
import { MixedLoad } from '../helpers/mixed-load.js';
import { gated, Releases } from '../helpers/releases.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

async function serve(t: TestContext, options: HostOptions, env: NodeJS.ProcessEnv = {}) {
  const releases = new Releases(t);
  const host = new Host(t, { app: './app.mjs', cwd: releases.current, workers: 2, ...options }, { env });
  return { host, releases, url: await host.ready() };
}

async function letGo(host: Host): Promise<void> {
  host.kill('SIGWINCH');
  await host.event('signal', (name) => name === 'SIGWINCH');
  await eventually(async () => (await host.workers()).length === 0, 'the end of all workers');
}

test('winch_then_hup', async (t) => {
  const { host, releases, url } = await serve(t, { logger: true });
  const load = new MixedLoad(t, { url }, { close: 4 });
  await load.more(20);
  await letGo(host);
  const { state, target, degraded, held } = await host.stats();
  assert.deepEqual({ state, target, degraded, held }, { state: 'running', target: 2, degraded: false, held: true });
  // A second WINCH changes nothing.
  host.kill('SIGWINCH');
  await host.until(() => host.of('signal').length === 2, 'another signal');
  assert.deepEqual([host.of('hold').length, host.of('resume').length], [1, 0]);
  assert.match(host.log, /held, by SIGWINCH: all workers go/);
  assert.deepEqual(
    host.of('worker:exit').map(({ args }) => args[1]),
    Array(2).fill({ code: 0, signal: null, reason: 'stop' }),
  );
  releases.release('2');
  const { answered } = load;
  host.kill('SIGHUP');
  assert.deepEqual(await host.event('reloaded'), [{ generation: 2, replaced: 2 }]);
  assert.deepEqual([host.of('resume').length, (await host.stats()).held], [1, false]);
  await load.more(20);
  await load.stop();
  assert.ok(load.answered > answered);
  assert.deepEqual([load.failures, [...load.versions.keys()]], [[], ['1', '2']], String(load));
  // No worker of the old generation was spawned in between.
  assert.deepEqual(
    host.of('worker:spawn').map(({ args }) => args[0].generation),
    [1, 1, 2, 2],
  );
});

test('winch_then_hup: with a broken deploy the old code comes back', async (t) => {
  const { host, releases, url } = await serve(t, {});
  await letGo(host);
  const answer = get(url);
  releases.release('2', "throw new Error('broken release');");
  await assert.rejects(host.call('reload'), { code: 'ERR_RELOAD_FAILED' });
  assert.match((await answer).body, / 1 1$/);
  await eventually(async () => (await host.workers()).every(({ state }) => state === 'ready'), 'all of them');
  assert.deepEqual(
    (await host.workers()).map(({ generation }) => generation),
    [1, 1],
  );
});

for (const [name, act] of Object.entries({
  TTIN: (host: Host) => host.kill('SIGTTIN'),
  'scale()': (host: Host) => host.call('scale', 3),
})) {
  test(`winch: ${name} brings them back`, async (t) => {
    const { host, url } = await serve(t, {});
    await letGo(host);
    const answer = get(url);
    await act(host);
    assert.match((await answer).body, / 1 1$/);
    await eventually(async () => (await host.workers()).length === 3, 'three workers');
  });
}

/** A worker of the second generation boots until the gate opens, and WINCH has come meanwhile. */
async function winchInReload(t: TestContext): Promise<{ host: Host; gate: LoadGate; url: string }> {
  const gate = await createLoadGate(t);
  const { host, releases, url } = await serve(t, { workers: 1 }, gate.env);
  releases.release('2', gated("export { default } from '../1/app.mjs';"));
  host.kill('SIGHUP');
  await eventually(() => gate.waiting === 1, 'one that boots');
  host.kill('SIGWINCH');
  await host.event('signal', (name) => name === 'SIGWINCH');
  return { host, gate, url };
}

test('winch during a reload: it comes to its end, and then all go, of the new generation too', async (t) => {
  const { host, gate, url } = await winchInReload(t);
  assert.match((await get(url)).body, / 1 1$/);
  assert.deepEqual([host.of('hold').length, (await host.stats()).held], [0, false]);
  gate.open();
  await host.event('hold');
  assert.equal(host.of('reloaded').length, 1);
  assert.equal((await host.stats()).held, true);
  await eventually(async () => (await host.workers()).length === 0, 'the end of all workers');
  host.kill('SIGTTIN');
  assert.match((await get(url)).body, / 2 1$/);
});

test('winch during a reload, taken back before that is over: nobody goes', async (t) => {
  const { host, gate, url } = await winchInReload(t);
  gate.open();
  await host.call('scale', 1);
  await host.event('reloaded');
  assert.match((await get(url)).body, / 2 1$/);
  assert.deepEqual([host.of('hold').length, host.of('resume').length], [0, 0]);
});

test('winch during a stop is not obeyed: who comes in the delay of the drain is served', async (t) => {
  const { host, url } = await serve(t, { drainDelay: 1_500 });
  const stopped = host.call('stop');
  await host.event('stop');
  for (const signal of ['SIGWINCH', 'SIGHUP'] as const) {
    host.kill(signal);
    await host.event('signal', (name) => name === signal);
  }
  assert.match((await get(url)).body, / 1 1$/);
  assert.equal(host.of('worker:exit').length, 0);
  await stopped;
  assert.deepEqual([host.of('hold').length, host.of('resume').length], [0, 0]);
});

test('winch, then a stop, and HUP in its delay: nobody comes back, and nobody says so', async (t) => {
  const { host } = await serve(t, { drainDelay: 500 });
  await letGo(host);
  const stopped = host.call('stop');
  host.kill('SIGHUP');
  await host.event('signal', (name) => name === 'SIGHUP');
  await stopped;
  assert.deepEqual([host.of('resume').length, host.of('worker:spawn').length], [0, 2]);
});

test('winch: a stop of a master without workers is clean, and one at the start is obeyed when that is over', async (t) => {
  const { host } = await serve(t, {});
  await letGo(host);
  host.kill('SIGTERM');
  assert.deepEqual(await host.exited(), { code: 0, signal: null });

  const gate = await createLoadGate(t);
  const releases = new Releases(t);
  releases.release('1', gated("export { default } from '../2/app.mjs';"));
  releases.release('2');
  releases.deploy('1');
  const late = new Host(t, { app: './app.mjs', cwd: releases.current, workers: 1 }, { env: gate.env });
  await eventually(() => gate.waiting === 1, 'one that boots');
  late.kill('SIGWINCH');
  await late.event('signal');
  assert.equal(late.of('hold').length, 0);
  gate.open();
  const url = await late.ready();
  await late.event('hold');
  await eventually(async () => (await late.workers()).length === 0, 'the end of all workers');
  const answer = get(url);
  await late.call('scale', 2);
  assert.match((await answer).body, / 1 2$/);
});

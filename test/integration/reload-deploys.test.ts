/* Which code a worker runs: while a deploy is broken, while files are edited in place, and when a link is turned. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { Host, type HostOptions, type HostSettings } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { gated, hostSource, Releases, source } from '../helpers/releases.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/** Kills all workers that serve at once, and waits until as many others serve. */
async function killAll(host: Host, generation: number): Promise<void> {
  const before = (await host.workers()).filter((worker) => worker.state === 'ready');
  const ages = host.of('worker:spawn').length;
  for (const { pid } of before) process.kill(pid as number, 'SIGKILL');
  await host.until(
    () => host.of('worker:ready').filter(({ args: [{ age }] }) => age > ages).length >= before.length,
    'the replacements',
  );
  const after = host.of('worker:ready').filter(({ args: [{ age }] }) => age > ages);
  assert.deepEqual(
    after.map(({ args: [worker] }) => worker.generation),
    before.map(() => generation),
  );
}

/** The versions that answer on so many connections. */
async function versions(url: string, count = 6): Promise<string[]> {
  const answers = await Promise.all(Array.from({ length: count }, () => get(url)));
  return [...new Set(answers.map(({ status, body }) => (status === 200 ? (body.split(' ')[2] ?? '') : `${status}`)))];
}

test('respawn_during_broken_deploy_uses_good_code', async (t) => {
  const gate = await createLoadGate(t);
  const releases = new Releases(t);
  const host = new Host(t, { workers: 3, surge: 3, app: './app.mjs', cwd: releases.current }, { env: gate.env });
  const url = await host.ready();
  releases.release('2', "throw new Error('broken release');");
  await killAll(host, 1);
  assert.deepEqual(await versions(url), ['1']);

  // In the middle of a reload that will fail, which nobody can know yet.
  releases.release('3', gated("throw new Error('broken release');"));
  const reload = host.call('reload').catch((error: { code: string }) => error.code);
  await eventually(() => gate.waiting === 3, 'three that boot');
  // The workers that were killed before have just been replaced. Another death in these slots is a second one, and the
  // next replacement waits for a moment.
  await killAll(host, 1);
  assert.deepEqual(await versions(url), ['1']);
  assert.equal(host.of('rollback').length, 0);
  gate.open();
  assert.equal(await reload, 'ERR_RELOAD_FAILED');
  assert.deepEqual(await versions(url), ['1']);

  releases.release('4');
  assert.deepEqual(await host.call('reload'), { generation: 3, replaced: 3 });
  releases.deploy('2');
  await killAll(host, 3);
  assert.deepEqual(await versions(url), ['4']);
});

test('edited in place: the living serve on, the dead are held, and the next good reload heals all', async (t) => {
  const releases = new Releases(t);
  const app = join(releases.folder, '1', 'app.mjs');
  const host = new Host(t, { workers: 2, surge: 2, app });
  const url = await host.ready();
  writeFileSync(app, "throw new Error('edited');");
  await assert.rejects(host.call('reload'), { code: 'ERR_RELOAD_FAILED' });
  const [living, dead] = await host.workers();
  process.kill(dead?.pid as number, 'SIGKILL');
  const [[slot]] = await host.event('degraded');
  assert.equal(slot.id, dead?.id);
  assert.equal((await get(url)).body, `${living?.pid} 1 1`);
  assert.deepEqual(host.of('recovered'), []);

  writeFileSync(app, source('3'));
  assert.deepEqual(await host.call('reload'), { generation: 3, replaced: 2 });
  assert.deepEqual(await versions(url), ['3']);
  await host.event('recovered');
  assert.deepEqual([(await host.stats()).degraded, (await host.stats()).failing], [false, []]);
});

interface Form {
  readonly options: HostOptions;
  readonly settings?: HostSettings;
}

const SWITCHED: Readonly<Record<string, (current: string) => Form>> = {
  'a module below a folder that is a link': (current) => ({ options: { app: './app.mjs', cwd: current } }),
  'a path through the link': (current) => ({ options: { app: join(current, 'app.mjs') } }),
  'a module, from where the host was started': (current) => ({
    options: { app: './app.mjs' },
    settings: { cwd: current, env: { PWD: current } },
  }),
  "a host's script behind the link": (current) => ({
    options: {},
    settings: { script: join(current, 'server.mjs') },
  }),
  "a host's script, from its folder": (current) => ({
    options: {},
    settings: { script: 'server.mjs', cwd: current, env: { PWD: current } },
  }),
};

async function switched(t: TestContext, form: (current: string) => Form): Promise<void> {
  const releases = new Releases(t);
  const deploy = (version: string, broken = ''): void => {
    releases.release(version, broken + source(version));
    releases.release(version, broken + hostSource(version), 'server.mjs');
  };
  deploy('1');
  const { options, settings } = form(releases.current);
  const host = new Host(t, { workers: 1, app: undefined, ...options }, settings);
  const url = await host.ready();
  deploy('2');
  assert.deepEqual(await versions(url, 1), ['1']);
  // What is turned is not what runs, until it is told to.
  await killAll(host, 1);
  assert.deepEqual(await versions(url, 1), ['1']);
  assert.deepEqual(await host.call('reload'), { generation: 2, replaced: 1 });
  assert.deepEqual(await versions(url, 1), ['2']);
  deploy('3', "throw new Error('broken');\n");
  await killAll(host, 2);
  assert.deepEqual(await versions(url, 1), ['2']);
}

for (const [name, form] of Object.entries(SWITCHED)) test(`symlink_switch: ${name}`, (t) => switched(t, form));

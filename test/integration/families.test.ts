import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { isTried } from '../helpers/amount.js';
import { CLASSES } from '../helpers/classes.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { get, RawClient } from '../helpers/http.js';
import { keepHosts } from '../helpers/kept.js';
import { temporaryFolder } from '../helpers/place.js';
import { alive, childrenOf, gone, guardOf, kill } from '../helpers/process.js';
import { Program } from '../helpers/program.js';
import { PROJECT } from '../helpers/project.js';
import { shared } from '../helpers/shared.js';
import { eventually } from '../helpers/wait.js';

keepHosts();

/* What a worker has started ends with it, however the worker ends. What a thread has started ends with the thread. */

const linuxOnly = { skip: process.platform !== 'linux' && 'needs /proc' };

interface Family {
  readonly host: Host;
  readonly url: string;
  readonly worker: number;
  /** A shell and its child. */
  readonly members: readonly number[];
}

/** One worker, with one thread. */
const ONE = { workers: 1, threads: 1, app: fixture('family.js') };

function startedBy(t: TestContext, { workerClass, ...options }: HostOptions): Host {
  const { threads, ...one } = ONE;
  return new Host(t, { ...one, ...(workerClass === 'threaded' && { threads }), workerClass, ...options });
}

/** A host with one worker, in which a request has started a family of processes. */
function founded(t: TestContext, options: HostOptions, query = ''): Promise<Family> {
  return foundedIn(t, startedBy(t, options), query);
}

async function foundedIn(t: TestContext, host: Host, query: string): Promise<Family> {
  const url = await host.ready();
  (await RawClient.connect(t, url)).get(`/family?${query}`);
  const members = await membersOf(t, host);
  const worker = host.of('worker:message')[0]?.args[0].pid;
  return { host, url, worker, members };
}

/** Founds a family in a host whose worker may have ended before, and been replaced. */
async function foundedAgain(t: TestContext, host: Host, query = ''): Promise<Family> {
  await host.ready();
  const ready = async (): Promise<boolean> => (await host.workers()).every(({ state }) => state === 'ready');
  await eventually(async () => (await ready()) && (await host.workers()).length === 1, 'another worker');
  await host.forget();
  return foundedIn(t, host, query);
}

async function membersOf(t: TestContext, host: Host): Promise<number[]> {
  const [{ pid: worker }, told] = await host.event('worker:message');
  // The application cannot tell the pid of a child that a synchronous call waits for.
  const shell = told.pid ?? (await childOf(worker));
  const members = [shell, told.child ?? (await childOf(shell))];
  t.after(() => members.forEach(kill));
  return members;
}

/** The first child of a process, as soon as it has one. */
async function childOf(pid: number): Promise<number> {
  await eventually(() => childrenOf(pid).length > 0, `a child of ${pid}`);
  return childrenOf(pid)[0]?.pid as number;
}

interface End {
  readonly options?: HostOptions;
  readonly query?: string;
  readonly act?: (family: Family) => unknown;
  /** The host ends as well. */
  readonly ends?: boolean;
}

const GRACE = { gracefulTimeout: 1_000 };

const ENDS: Readonly<Record<string, End>> = {
  'a request that hangs': { options: { timeout: 300 } },
  'an event loop that stands still': { options: { timeout: 300 }, query: 'then=spin' },
  'a reload after which it must be ended': {
    act: ({ host }) => host.call('reload'),
  },
  'a drain of a worker that has answered': { query: 'then=answer', act: ({ host }) => host.call('reload') },
  'a quick stop': { act: ({ host }) => void host.kill('SIGINT'), ends: true },
  'an uncaught exception': { query: 'then=throw' },
  'process.exit': { query: 'then=exit' },
  'a kill by somebody else': { act: ({ worker }) => process.kill(worker, 'SIGKILL') },
  'a stop after which it must be ended': {
    act: ({ host }) => host.kill('SIGTERM'),
    ends: true,
  },
  'the death of the master': { act: ({ host }) => void host.kill('SIGKILL'), ends: true },
};

for (const workerClass of CLASSES) {
  // Two hosts that tests share: one whose workers are ended by their timeout, and one for the other ends.
  const impatient = shared((t) => startedBy(t, { workerClass, timeout: 300 }));
  const patient = shared((t) => startedBy(t, { workerClass, ...GRACE }));
  for (const [nth, [end, { options, query, act, ends }]] of Object.entries(ENDS).entries()) {
    // An async worker serves many requests, so a request that waits has no clock.
    if (workerClass === 'async' && end === 'a request that hangs') continue;
    // An async worker is a process like a sync one, so the suite tries only some of the ends.
    if (workerClass === 'async' && !isTried(nth % 3 === 1)) continue;
    test(`what a ${workerClass} worker has started ends with it: ${end}`, linuxOnly, async (t) => {
      const family = ends
        ? await founded(t, { workerClass, ...GRACE }, query)
        : await foundedAgain(t, options ? impatient() : patient(), query);
      await act?.(family);
      await gone(...family.members);
    });
  }
}

test('what a worker has started ends with it: the host exits without a stop', linuxOnly, async (t) => {
  const host = new Host(t, { workers: 1, app: fixture('family.js') }, { entry: 'ends-without-stop.js' });
  (await RawClient.connect(t, await host.ready())).get('/family');
  const members = await membersOf(t, host);
  const guard = guardOf(host.pid);
  process.kill(guard, 'SIGSTOP');
  t.after(() => kill(guard));
  host.child.send({ end: 'exit' });
  await gone(...members);
});

test('what a worker has started ends with it: SIGKILL to the group of the host', linuxOnly, async (t) => {
  const script = `
    import { Arbiter } from '${pathToFileURL(join(PROJECT, 'dist/index.js')).href}';
    const arbiter = new Arbiter({ app: ${JSON.stringify(fixture('family.js'))}, bind: '127.0.0.1:0', workers: 1, logger: false });
    arbiter.on('worker:message', (worker, told) => console.log('told', JSON.stringify({ worker: worker.pid, ...told })));
    await arbiter.start();
    console.log('port', arbiter.addresses[0].port);
  `;
  const file = join(temporaryFolder(t), 'host.mjs');
  writeFileSync(file, script);
  const program = new Program(t, process.execPath, [file]);
  const [, port] = await program.printed(/port (\d+)/);
  (await RawClient.connect(t, `http://127.0.0.1:${port}`)).get('/family?then=spin');
  const [, text = ''] = await program.printed(/told (.*)/);
  const { worker, pid, child } = JSON.parse(text);
  t.after(() => [worker, pid, child].forEach(kill));
  process.kill(-program.pid, 'SIGKILL');
  await gone(worker, pid, child);
});

test('what a worker has started ends with it: no watchdog', linuxOnly, async (t) => {
  const { members } = await founded(t, { timeout: 300, watchdog: false }, 'then=spin');
  await gone(...members);
});

for (const workerClass of CLASSES) {
  test(`TERM reaches a ${workerClass} worker, and not what it has started`, linuxOnly, async (t) => {
    const host = startedBy(t, { workerClass });
    const url = await host.ready();
    const answer = get(`${url}/family`);
    const [shell, program] = (await membersOf(t, host)) as [number, number];
    host.kill('SIGTERM');
    await host.event('stop');
    // The worker drains, and waits for its request, which waits for the child.
    await eventually(async () => (await host.workers())[0]?.state === 'draining', 'a worker that drains');
    assert.deepEqual([shell, program].map(alive), [true, true]);
    process.kill(program, 'SIGKILL');
    assert.equal((await answer).body, 'ended 0 null');
    assert.deepEqual(await host.exited(), { code: 0, signal: null });
  });
}

test('the group of the master is not that of its workers, nor of the guard', linuxOnly, async (t) => {
  const { host, worker, members } = await founded(t, {});
  const group = (pid: number): number => Number(statOf(pid)[2]);
  assert.deepEqual([worker, ...members].map(group), Array(3).fill(worker));
  const guard = guardOf(host.pid);
  assert.equal(group(guard), guard);
});

for (const workerClass of ['sync', 'threaded'] as const) {
  test(`a child in a group of its own outlives a ${workerClass} worker`, linuxOnly, async (t) => {
    const { host, worker, members } = await founded(t, { workerClass, timeout: 300 }, 'own');
    await host.event(workerClass === 'sync' ? 'worker:exit' : 'thread:exit');
    if (workerClass === 'threaded') process.kill(worker, 'SIGKILL');
    await gone(worker);
    assert.deepEqual(members.map(alive), [true, true]);
  });

  const kills: Readonly<Record<string, ((family: Family) => void) | undefined>> = {
    'a hang': undefined,
    'a kill': ({ worker: pid }) => kill(pid),
    'the death of the master': ({ host }) => host.kill('SIGKILL'),
  };
  for (const [end, act] of Object.entries(kills)) {
    test(`one that a ${workerClass} worker has adopted ends with it: ${end}`, linuxOnly, async (t) => {
      const family = await founded(t, { workerClass, timeout: act ? 0 : 500 }, 'own&adopted');
      act?.(family);
      await gone(...family.members);
    });
  }
}

for (const [end, query] of Object.entries({
  'a hang': '',
  'a thread that spins': 'then=spin',
  'a synchronous call': 'sync',
  'an uncaught exception': 'then=throw',
  'an exit': 'then=exit',
  'one that was adopted': 'own&adopted&then=exit',
})) {
  test(`what a thread has started ends with the thread: ${end}`, linuxOnly, async (t) => {
    const options = { workerClass: 'threaded', threads: 2, timeout: 300 } as const;
    const host = new Host(t, { workers: 1, app: fixture('family.js'), ...options });
    const url = await host.ready();
    // This family belongs to a request that is answered: its thread lives on, and so does the family.
    assert.equal((await get(`${url}/family?then=answer`)).body, 'begun');
    const others = await membersOf(t, host);
    const [shell] = others;
    (await RawClient.connect(t, url)).get(`/family?${query}`);
    await host.until(() => host.of('worker:message').length === 2, 'a second family');
    const [, ended] = await host.event('thread:exit');
    const told = host.of('worker:message').map(({ args: [, { thread }] }) => thread);
    // The same thread may have had both requests.
    const shared = told[0] === told[1];
    assert.equal(ended.thread, told[1]);
    const worker = host.workerPids[0] as number;
    await eventually(
      () => childrenOf(worker).every(({ pid }) => !shared && pid === shell),
      () => `the end of the family, of ${JSON.stringify(childrenOf(worker))}`,
    );
    if (!shared) assert.deepEqual(others.map(alive), [true, true]);
    assert.equal(host.of('worker:exit').length, 0);
  });
}

function statOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

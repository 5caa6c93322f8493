/* What holds while two masters serve the same sockets, and how one of the two ends. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fixture, type HostOptions } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { MixedLoad } from '../helpers/mixed-load.js';
import { NotifySocket, noNotifications } from '../helpers/notify-socket.js';
import { temporaryFolder } from '../helpers/place.js';
import { gone } from '../helpers/process.js';
import { crowd } from '../helpers/queue.js';
import { Succession } from '../helpers/succession.js';

const pidIn = (file: string): number => Number(readFileSync(file, 'utf8'));

/** One worker for each host: their number does not matter here, except where a test says so. */
const ONE = { workers: 1 };

/** An old host that serves, and a gate that holds the workers of its successor until the test opens it. */
async function gated(t: TestContext, workers = 1, options: HostOptions = {}) {
  const folder = temporaryFolder(t);
  const files = { pidFile: join(folder, 'pid'), path: join(folder, 'socket') };
  const gate = await createLoadGate(t);
  gate.open();
  const succession = await Succession.start(
    t,
    [
      {
        workers,
        app: fixture('waits-to-load.js'),
        bind: ['127.0.0.1:0', `unix:${files.path}`],
        pidFile: files.pidFile,
        ...options,
      },
    ],
    { env: gate.env },
  );
  const old = await succession.ready();
  gate.close();
  /** Resolves with the pid of the successor when all of its workers wait at the gate. */
  const begun = async (hosts = 2): Promise<number> => {
    await succession.until(() => succession.hosts.length === hosts && gate.waiting === workers, 'workers that wait');
    return succession.newest;
  };
  return { ...files, gate, succession, old, url: await succession.url(old), begun };
}

test('a successor that is told to back out leaves the sockets to the old host, which can try again', async (t) => {
  const folder = temporaryFolder(t);
  const [pidFile, path] = [join(folder, 'pid'), join(folder, 'socket')];
  const succession = await Succession.start(t, [{ ...ONE, bind: ['127.0.0.1:0', `unix:${path}`], pidFile }]);
  const old = await succession.ready();
  const url = await succession.url(old);
  const load = new MixedLoad(t, { url, socketPath: path }, { close: 1, unix: 1 }, { upload: 100_000 });
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const next = await succession.upgrade(old);
    await load.more(20);
    // SIGKILL would reset a connection that the successor has accepted.
    if (signal === 'SIGKILL') await load.stop();
    await succession.end(next, signal);
    // The old host lets the next successor begin only when it has heard of this end.
    await succession.until(() => succession.living().length === 1 + 1 + ONE.workers, 'the old host and its own');
    assert.deepEqual([pidIn(pidFile), existsSync(path)], [old, true]);
    if (signal !== 'SIGKILL') await load.more(20);
  }
  assert.deepEqual(load.failures, [], String(load));
  const last = await succession.upgrade(old);
  await succession.end(old);
  await succession.until(() => pidIn(pidFile) === last, 'the promotion');
  assert.equal((await get(url)).status, 200);
  await succession.end(last);
  await succession.extinct();
  assert.deepEqual([existsSync(pidFile), existsSync(`${pidFile}.2`), existsSync(path)], [false, false, false]);
});

test('pidfile_promoted: the old host ends by SIGKILL', async (t) => {
  const pidFile = join(temporaryFolder(t), 'x.pid');
  const succession = await Succession.start(t, [{ ...ONE, pidFile }]);
  const old = await succession.ready();
  await promotes(succession, pidFile, [old, await succession.upgrade(old)], 'SIGKILL');
});

/** Ends the old host. The successor takes over the pid file, and removes it when it ends itself. */
async function promotes(
  succession: Succession,
  pidFile: string,
  [old, next]: readonly [number, number],
  signal: NodeJS.Signals,
  meanwhile: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  assert.deepEqual([pidIn(pidFile), pidIn(`${pidFile}.2`)], [old, next]);
  await succession.end(old, signal);
  await succession.until(() => !existsSync(`${pidFile}.2`), 'the promotion');
  assert.equal(pidIn(pidFile), next);
  await meanwhile();
  await succession.end(next);
  await succession.extinct();
  assert.equal(existsSync(pidFile), false);
}

test('one upgrade', async (t) => {
  const pidFile = join(temporaryFolder(t), 'x.pid');
  const succession = await Succession.start(t, [{ ...ONE, pidFile }]);
  const old = await succession.ready();
  const url = await succession.url(old);
  const next = await succession.upgrade(old);

  await t.test('what is meant for the successor reaches nobody else', () => {
    const heirs = succession
      .living()
      .filter(({ pid }) => readFileSync(`/proc/${pid}/environ`, 'latin1').includes('PREFORK_HERITAGE='));
    assert.deepEqual(
      heirs.map(({ pid }) => pid),
      [next],
    );
    // It is gone from the successor's own environment too, before the script had a chance to hand it on.
    assert.deepEqual(
      succession.of('host').map(({ args }) => args[0]),
      [true, true],
    );
  });

  await t.test('pidfile_promoted: the old host ends by SIGTERM', (t) =>
    promotes(succession, pidFile, [old, next], 'SIGTERM', () =>
      t.test('a new master reloads and scales as any other', async () => {
        assert.deepEqual(await succession.call(next, 'reload'), { generation: 2, replaced: 1 });
        await succession.call(next, 'scale', [2]);
        const { workers, generation } = await succession.stats(next);
        assert.deepEqual([workers.length, generation], [2, 2]);
        assert.equal((await get(url)).status, 200);
      }),
    ),
  );
});

test('two upgrades at once share one; further ones are refused while two hosts serve', async (t) => {
  const { succession, old, gate, begun } = await gated(t);
  const both = Promise.all([succession.call(old, 'upgrade'), succession.call(old, 'upgrade')]);
  process.kill(old, 'SIGUSR2');
  const next = await begun();
  gate.open();
  assert.deepEqual(await both, [{ pid: next }, { pid: next }]);
  assert.deepEqual(succession.hosts, [old, next]);
  // If the signal began an upgrade that finds a successor, the host would report it after the answers.
  await succession.call(old, 'state');
  assert.deepEqual(
    succession.of('upgrade').map(({ args }) => args),
    [[next]],
  );
  assert.deepEqual(succession.of('error'), []);

  const refusals: [number, RegExp][] = [
    [old, new RegExp(`^upgrade: the process ${next} serves already; end this one or that$`)],
    [next, new RegExp(`^upgrade: the process before this one, ${old}, still runs; end it first$`)],
  ];
  for (const [pid, message] of refusals) {
    await assert.rejects(succession.call(pid, 'upgrade'), { code: 'ERR_STATE', message });
    process.kill(pid, 'SIGUSR2');
    const { args } = await succession.event('error', pid);
    assert.equal(args[0].code, 'ERR_STATE');
  }
  assert.deepEqual(succession.hosts, [old, next]);
});

test('USR2 during the start is obeyed when it is over', async (t) => {
  const gate = await createLoadGate(t);
  const succession = await Succession.start(t, [{ ...ONE, app: fixture('waits-to-load.js') }], { env: gate.env });
  await succession.until(() => gate.waiting === 1, 'a worker that waits');
  const old = succession.newest;
  process.kill(old, 'SIGUSR2');
  await succession.event('signal', old);
  assert.deepEqual(succession.hosts, [old]);
  gate.open();
  const { args } = await succession.event('upgrade', old);
  assert.deepEqual(succession.hosts, [old, args[0]]);
});

/** The error of an upgrade that must not succeed. */
function failingUpgrade(succession: Succession, host: number): Promise<Error & { code: string }> {
  return succession.call(host, 'upgrade').then(
    () => assert.fail('the upgrade succeeded'),
    (error) => error,
  );
}

const GIVEN_UP = 'the upgrade was given up: this process was told to stop meanwhile';

test('a stop in the turn that asks for an upgrade ends the new host too', async (t) => {
  // With this delay, the old host would still be there when the new one serves, if nothing ended that.
  const succession = await Succession.start(t, [{ ...ONE, drainDelay: 600_000 }]);
  const old = await succession.ready();
  const { code, message } = await succession.call(old, 'upgradeAndStop').then(
    () => assert.fail('the upgrade succeeded'),
    (error) => error,
  );
  assert.deepEqual([code, message], ['ERR_UPGRADE_FAILED', GIVEN_UP]);
  const others = succession.living().filter(({ pid, command }) => pid !== old && command.includes('succession-host'));
  assert.deepEqual(others, []);
  process.kill(old, 'SIGQUIT');
  await succession.extinct();
});

test('TERM during an upgrade ends the new host too', async (t) => {
  const { succession, old, pidFile, path, begun } = await gated(t);
  const upgrade = failingUpgrade(succession, old);
  const next = await begun();
  process.kill(old, 'SIGTERM');
  const { code, message } = await upgrade;
  assert.equal(code, 'ERR_UPGRADE_FAILED');
  assert.equal(message, GIVEN_UP);
  await gone(old, next);
  await succession.extinct();
  assert.deepEqual([existsSync(pidFile), existsSync(`${pidFile}.2`), existsSync(path)], [false, false, false]);
  assert.deepEqual(await succession.program.exited(), { code: 0, signal: null });
});

test('a stop during an upgrade serves who connects until the new host is gone', async (t) => {
  const { succession, old, url, begun } = await gated(t);
  const upgrade = failingUpgrade(succession, old);
  const next = await begun();
  // The stopped successor has the sockets, and hears nothing.
  process.kill(next, 'SIGSTOP');
  process.kill(old, 'SIGTERM');
  await succession.event('stop', old);
  for (let count = 0; count < 50; count++) assert.equal((await get(url)).status, 200);
  process.kill(next, 'SIGCONT');
  assert.equal((await upgrade).message, GIVEN_UP);
  await gone(old, next);
  await succession.extinct();
});

test('a new host that comes to serve after it was given up is still hurried by a quick stop', async (t) => {
  const gate = await createLoadGate(t);
  gate.open();
  // The new host ignores TERM: only the second order ends it.
  const options = { ...ONE, app: fixture('waits-to-load.js'), signals: false, gracefulTimeout: 600_000 } as const;
  const succession = await Succession.start(t, [options], { env: gate.env });
  const old = await succession.ready();
  gate.close();
  succession.deploy('ends at INT');
  const upgrade = failingUpgrade(succession, old);
  await succession.until(() => succession.hosts.length === 2 && gate.waiting === 1, 'a worker that waits');
  const next = succession.newest;
  const stopped = succession.call(old, 'stop');
  await succession.event('stop', old);
  gate.open();
  await succession.event('ready', next);
  // Long enough for the old host to hear that the new one serves.
  for (let count = 0; count < 20; count++) assert.equal(await succession.call(old, 'state'), 'stopping');
  await succession.call(old, 'stop', [{ graceful: false }]);
  await stopped;
  assert.equal((await upgrade).message, GIVEN_UP);
  await gone(next);
});

for (const [count, what] of [
  [1, 'is a quick stop of the new host too'],
  [2, 'and once more, kills the new host too'],
] as const) {
  test(`INT during an upgrade ${what}`, async (t) => {
    // So long that no test here waits for it.
    const { succession, old, begun } = await gated(t, 1, { gracefulTimeout: 600_000 });
    process.kill(old, 'SIGUSR2');
    const next = await begun();
    // Only SIGKILL gets through to a stopped process.
    if (count === 2) process.kill(next, 'SIGSTOP');
    process.kill(old, 'SIGINT');
    if (count === 1) assert.equal((await succession.event('signal', next)).args[0], 'SIGINT');
    await succession.event('signal', old, 2);
    if (count === 2) process.kill(old, 'SIGINT');
    await gone(old, next);
    await succession.extinct();
  });
}

test('the old host is killed during an upgrade: the new one takes its place', async (t) => {
  const { succession, old, pidFile, path, gate, url, begun } = await gated(t);
  process.kill(old, 'SIGUSR2');
  const next = await begun();
  await succession.end(old, 'SIGKILL');
  await succession.until(() => !existsSync(`${pidFile}.2`), 'the promotion');
  assert.equal(pidIn(pidFile), next);
  // The kernel keeps clients that connect meanwhile in the accept queue.
  const waiting = get(url);
  gate.open();
  assert.equal((await waiting).status, 200);
  await succession.event('ready', next);
  assert.deepEqual(succession.of('error', next), []);
  await succession.end(next);
  await succession.extinct();
  assert.deepEqual([existsSync(pidFile), existsSync(path)], [false, false]);
});

test('a new host that cannot start lets those finish whom it has begun to serve', async (t) => {
  const { succession, old, gate, url, begun } = await gated(t, 2);
  const upgrade = failingUpgrade(succession, old);
  const next = await begun();
  // Without the old workers, only the new host can serve the request.
  process.kill(old, 'SIGWINCH');
  await succession.until(() => succession.of('worker:exit', old).length === 2, 'the end of the old workers');
  gate.admit();
  const {
    args: [first],
  } = await succession.event('worker:ready', next);
  const request = get(`${url}/wait`);
  await succession.until(
    async () => (await succession.stats(next)).workers.some(({ active }) => active === 1),
    'a request',
  );
  const second = succession.of('worker:spawn', next).find(({ args }) => args[0].pid !== first.pid)?.args[0].pid;
  process.kill(second, 'SIGKILL');
  await succession.event('stop', next);
  process.kill(first.pid, 'SIGUSR2');
  assert.equal((await request).body, `waited ${first.pid}`);
  const { code, message } = await upgrade;
  assert.equal(code, 'ERR_UPGRADE_FAILED');
  assert.match(message, /: its Arbiter 'prefork' failed to start: worker #\d .*SIGKILL/);
  await gone(next);
  // HUP brings the workers of the old host back.
  gate.open();
  process.kill(old, 'SIGHUP');
  assert.equal((await get(url)).body, 'hello');
});

test('WINCH sends the old workers home, and HUP brings them back when the new host is not liked', async (t) => {
  const succession = await Succession.start(t, [ONE]);
  const old = await succession.ready();
  const url = await succession.url(old);
  const load = new MixedLoad(t, { url }, { close: 2 });
  const next = await succession.upgrade(old);
  process.kill(old, 'SIGWINCH');
  await succession.until(() => succession.of('worker:exit', old).length === 1, 'the end of the old worker');
  await load.more(20);
  process.kill(old, 'SIGHUP');
  await succession.until(() => succession.of('worker:ready', old).length === 2, 'a new worker of the old host');
  await load.more(20);
  await succession.end(next);
  await load.more(20);
  await load.stop();
  assert.deepEqual(load.failures, [], String(load));
  await succession.event('reloaded', old);
  assert.equal((await succession.stats(old)).workers.length, 1);
});

test('what the new host alone has bound it serves to the end when it backs out', async (t) => {
  const succession = await Succession.start(t, [{ ...ONE, app: fixture('app.js') }]);
  const old = await succession.ready();
  succession.deploy('adds');
  const next = await succession.upgrade(old);
  const [{ port: shared }, { port }] = await succession.call(next, 'addresses');
  const waiting = await crowd(t, succession, next, `http://127.0.0.1:${port}`);
  process.kill(next, 'SIGTERM');
  assert.deepEqual(await waiting.served(), []);
  await gone(next);
  assert.equal((await get(`http://127.0.0.1:${shared}`)).body, 'hello');
  await succession.end(old);
  await succession.extinct();
});

test('two hosts that are told to stop at the same time remove the file of a Unix socket', async (t) => {
  for (let round = 0; round < 2; round++) {
    const path = join(temporaryFolder(t), 'socket');
    const succession = await Succession.start(t, [{ bind: `unix:${path}`, workers: 1 }]);
    const old = await succession.ready();
    const next = await succession.upgrade(old);
    for (const pid of [old, next]) process.kill(pid, 'SIGTERM');
    await succession.extinct();
    assert.equal(existsSync(path), false, `round ${round}`);
  }
});

test('systemd hears which process is the main one, and nothing of an end that is not its own', {
  skip: noNotifications,
}, async (t) => {
  const manager = await NotifySocket.open(t);
  const succession = await Succession.start(t, [{ workers: 1 }], { env: manager.env });
  const old = await succession.ready();
  // Each process has a program send its messages, so their order is not certain.
  const heard: string[] = [];
  const hears = async (...messages: string[]): Promise<void> => {
    heard.push(...messages);
    await succession.until(() => manager.states.length >= heard.length, `${heard}`);
    assert.deepEqual(manager.states.toSorted(), heard.toSorted());
  };
  await hears('READY=1');
  const back = await succession.upgrade(old);
  await hears('READY=1', `MAINPID=${back}`);
  await succession.end(back);
  await hears(`MAINPID=${old},READY=1`);
  const next = await succession.upgrade(old);
  await hears('READY=1', `MAINPID=${next}`);
  await succession.end(old);
  await succession.end(next);
  await succession.extinct();
  await hears('STOPPING=1');
});

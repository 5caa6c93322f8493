import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { getFrom } from '../helpers/address.js';
import { COMMAND } from '../helpers/command.js';
import { fixture, Host, type HostOptions } from '../helpers/host.js';
import { freePort, temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';

const missing = spawnSync('systemd-socket-activate', ['--version']).status !== 0;
const skip = missing && 'the program systemd-socket-activate is not installed';

interface Activated {
  /** The addresses as `systemd-socket-activate` takes them. */
  readonly listen: readonly string[];
  readonly names?: string;
  /** Options of the Arbiter. */
  readonly options: HostOptions;
  /** The program that the sockets are handed to, and its arguments; the host's command line follows. */
  readonly within?: readonly string[];
}

/** Has the real program bind, wait for the first connection and become the host. */
async function activate(t: TestContext, { listen, names, options, within = [] }: Activated): Promise<Program> {
  const all = { workers: 2, app: fixture('app.js'), ...options };
  const flags = listen.flatMap((address) => ['-l', address]);
  const fdname = names === undefined ? [] : [`--fdname=${names}`];
  const host = [process.execPath, fixture('logging-host.js'), JSON.stringify(all)];
  const program = new Program(t, 'systemd-socket-activate', [...flags, ...fdname, ...within, ...host]);
  // The program lists all addresses before it waits.
  await program.printed(new RegExp(`(?:Listening on .*\\n[^]*){${listen.length}}`));
  return program;
}

/** Waits until the log has told of `count` addresses that are listened on; returns them in order. */
async function listening(program: Program, count: number): Promise<unknown[]> {
  await program.printed(new RegExp(`(?:"event":"listening"[^]*\\n[^]*){${count}}`));
  const lines = program.output.split('\n').filter((line) => line.includes('"event":"listening"'));
  return lines.map((line) => JSON.parse(line).address.port ?? JSON.parse(line).address);
}

async function stop(program: Program): Promise<void> {
  // A stop before all workers are ready would be a start that failed.
  await program.printed(/^serves/m);
  // The program became the host; it was not forked.
  process.kill(program.pid, 'SIGTERM');
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
}

const at = (port: number): { address: string; port: number } => ({ address: '127.0.0.1', port });

test('socket_activation', { skip }, async (t) => {
  const port = await freePort(t);
  const program = await activate(t, { listen: [`127.0.0.1:${port}`], options: { bind: 'systemd' } });
  // The connection that wakes the host waits in the queue before there is a host, and is served.
  assert.equal((await getFrom(at(port))).body, 'hello');
  assert.deepEqual(await listening(program, 1), [port]);
  const [, pid] = await program.printed(/^serves .* pid (\d+)$/m);
  assert.equal(Number(pid), program.pid);
  await stop(program);
});

test('socket_activation: without bind, the passed sockets are used', { skip }, async (t) => {
  const ports = [await freePort(t), await freePort(t)];
  const program = await activate(t, { listen: ports.map((port) => `127.0.0.1:${port}`), options: {} });
  for (const port of ports) assert.equal((await getFrom(at(port))).body, 'hello');
  assert.deepEqual(await listening(program, 2), ports);
  await stop(program);
});

test('socket_activation: with an address, the passed sockets are left alone', { skip }, async (t) => {
  const port = await freePort(t);
  const options = { bind: '127.0.0.1:0' };
  const program = await activate(t, { listen: [`127.0.0.1:${port}`], options });
  // This connection wakes the host, and nobody ever accepts it.
  const waiting = getFrom(at(port)).catch(() => 'refused');
  await program.printed(/^serves/m);
  assert.notDeepEqual(await listening(program, 1), [port]);
  await stop(program);
  assert.equal(await waiting, 'refused');
});

test('socket_activation: by name, in the order of bind, several of one name', { skip }, async (t) => {
  const ports = await Promise.all([0, 1, 2, 3].map(() => freePort(t)));
  const [web, admin, other, web2] = ports as [number, number, number, number];
  const program = await activate(t, {
    listen: ports.map((port) => `127.0.0.1:${port}`),
    names: 'web:admin:other:web',
    options: { bind: ['systemd:admin', '127.0.0.1:0', 'systemd:web'], workers: 1 },
  });
  for (const port of [admin, web, web2, web]) assert.equal((await getFrom(at(port))).body, 'hello');
  const [first, own, ...rest] = await listening(program, 4);
  assert.deepEqual([first, ...rest], [admin, web, web2]);
  assert.ok(!ports.includes(own as number) && other !== own);
  await stop(program);
});

test('socket_activation: threads, and a class that pauses by itself', { skip }, async (t) => {
  for (const workerClass of ['threaded', 'async']) {
    const ports = [await freePort(t), await freePort(t)];
    const listen = ports.map((port) => `127.0.0.1:${port}`);
    const program = await activate(t, {
      listen,
      names: 'a:b',
      options: { bind: ['systemd:b', 'systemd:a'], workerClass },
    });
    for (let round = 0; round < 4; round++) {
      for (const port of ports) assert.equal((await getFrom(at(port))).body, 'hello');
    }
    assert.deepEqual(await listening(program, 2), ports.toReversed());
    await stop(program);
  }
});

test('socket_activation: the file of a Unix socket is not ours to remove', { skip }, async (t) => {
  const path = join(temporaryFolder(t), 'socket');
  const program = await activate(t, { listen: [path], options: { bind: 'systemd' } });
  assert.equal((await getFrom(path)).body, 'hello');
  await stop(program);
  assert.ok(lstatSync(path).isSocket());
});

test('socket_activation: workers get the sockets and not the variables', { skip }, async (t) => {
  const port = await freePort(t);
  const listen = [`127.0.0.1:${port}`];
  const program = await activate(t, { listen, names: 'web', options: { app: fixture('tells.js') } });
  const { env, pid } = JSON.parse((await getFrom(at(port))).body);
  assert.notEqual(pid, program.pid);
  assert.deepEqual(
    Object.keys(env).filter((name) => name.startsWith('LISTEN_')),
    [],
  );
  await stop(program);
});

/** The output of a host that was woken by a connection and fails. */
async function failure(t: TestContext, port: number, activated: Omit<Activated, 'listen'>): Promise<string> {
  const program = await activate(t, { ...activated, listen: [`127.0.0.1:${port}`] });
  const woken = getFrom(at(port)).catch(() => 'refused');
  const { code } = await program.exited();
  assert.equal(code, 1);
  assert.equal(await woken, 'refused');
  return program.output;
}

test('socket_activation: a name that was not passed', { skip }, async (t) => {
  const output = await failure(t, await freePort(t), {
    names: 'web',
    options: { bind: ['systemd:web', 'systemd:admin'] },
  });
  assert.match(output, /cannot bind systemd:admin: expected a passed socket named 'admin', got none: .* named 'web'/);
  assert.match(output, /code: 'ERR_BIND'/);
});

test('socket_activation: sockets for a shell that does not hand its pid on', { skip }, async (t) => {
  const within = ['/bin/sh', '-c', '"$0" "$@"; exit $?'];
  const output = await failure(t, await freePort(t), { within, options: { bind: 'systemd' } });
  assert.match(
    output,
    /cannot bind systemd: expected a socket passed by systemd, got none: .*for the process '\d+'.*npm/,
  );
});

test('socket_activation: prefork run serves the passed sockets, and so does its successor', { skip }, async (t) => {
  const port = await freePort(t);
  const other = await freePort(t);
  const run = [process.execPath, COMMAND, '-w', '1', 'run', fixture('script-plain.cjs')];
  const program = new Program(t, 'systemd-socket-activate', ['-l', `127.0.0.1:${port}`, '-E', `PORT=${other}`, ...run]);
  await program.printed(/Listening on /);
  assert.equal((await getFrom(at(port))).body, 'plain ');
  process.kill(program.pid, 'SIGUSR2');
  const [, successor] = await program.printed(/"msg":"upgraded: the process (\d+) serves too"/);
  const listens = program.output.split('\n').filter((line) => line.includes('"event":"listening"'));
  assert.deepEqual(
    listens.map((line) => JSON.parse(line).address.port),
    [port, port],
  );
  for (const pid of [program.pid, Number(successor)]) process.kill(pid, 'SIGTERM');
  await program.exited();
});

test('without activation, systemd is refused, and the default is the usual address', async (t) => {
  for (const [bind, expected] of [
    ['systemd', /expected a socket passed by systemd, got none: .*LISTEN_PID is not set/],
    ['systemd:web', /expected a passed socket named 'web', got none/],
  ] as const) {
    const host = new Host(t, { bind: ['127.0.0.1:0', bind] });
    const [error] = await host.event('rejected');
    assert.equal(error.code, 'ERR_BIND');
    assert.match(error.message, expected);
    assert.deepEqual(await host.exited(), { code: 1, signal: null });
    assert.equal(host.of('listening').length, 0);
  }
});

test('sockets that were announced and did not come', async (t) => {
  // The pid must be known before node runs: exec keeps the pid of the shell.
  const script = 'LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:lost exec "$0" "$@" 3</dev/null';
  const options = { app: fixture('app.js'), bind: 'systemd:lost' };
  const announce = (bind: string): Program =>
    new Program(t, '/bin/sh', [
      '-c',
      script,
      process.execPath,
      fixture('logging-host.js'),
      JSON.stringify({ ...options, bind }),
    ]);
  const lost = announce('systemd:lost');
  assert.equal((await lost.exited()).code, 1);
  assert.match(lost.output, /cannot bind systemd:lost \(fd:\/\/4\): /);
  const file = announce('systemd:web');
  assert.equal((await file.exited()).code, 1);
  assert.match(file.output, /cannot bind systemd:web \(fd:\/\/3\): descriptor 3 is not a socket/);
});

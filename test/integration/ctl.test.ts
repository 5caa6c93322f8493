import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { ctl, type Outcome } from '../helpers/ctl.js';
import { figuresOf, serveFigures } from '../helpers/figures.js';
import { fixture, Host } from '../helpers/host.js';
import { createLoadGate } from '../helpers/load-gate.js';
import { temporaryFolder } from '../helpers/place.js';
import { shared } from '../helpers/shared.js';
import { noTerminals } from '../helpers/terminal.js';

let where: string;
const host = shared((t) => {
  where = `unix:${join(temporaryFolder(t), 'control')}`;
  return new Host(t, { control: where as `unix:${string}`, workers: 2 });
});
const run = async (...args: string[]): Promise<Outcome> => {
  await host().ready();
  return ctl(args, { PREFORK_CONTROL: where });
};

test('ctl status', async () => {
  const { code, out, err } = await run('status');
  assert.deepEqual([code, err], [0, '']);
  const lines = out.trimEnd().split('\n');
  assert.match(lines[0] ?? '', new RegExp(`^prefork \\(pid ${host().pid}\\) is running, generation \\d+, up \\d+s$`));
  assert.equal(lines[1], 'workers: 2 of 2 ready');
  assert.match(out, /^ ID {5}PID GEN STATE {8}UP {4}REQS ACT CONN {3}MB {2}ELU {2}OLDEST$/m);
  assert.equal(out.match(/^ +\d+ +\d+ +\d+ ready /gm)?.length, 2);
  assert.ok(
    lines.every((line) => line.length <= 80),
    out,
  );
});

test('ctl status --json', async () => {
  const { code, out } = await run('status', '--json');
  const { ready, stats } = JSON.parse(out);
  assert.deepEqual([code, ready, stats.pid], [0, true, host().pid]);
});

test('ctl top, without a terminal, once', async () => {
  const { code, out } = await run('top');
  assert.equal(code, 0);
  assert.equal(out.match(/^ +\d+ +\d+ +\d+ ready .* 0 +\d+ /gm)?.length, 2, out);
  assert.doesNotMatch(out, /\x1b/);
});

/** Runs the command on a terminal of 80 columns and 24 rows, and presses q when it has shown something twice. */
const ON_TERMINAL = `
import fcntl, os, pty, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
frames, pressed = 0, False
while True:
    try: text = os.read(terminal, 65536)
    except OSError: break
    if not text: break
    frames += text.count(b'\\x1b[H')
    if frames >= 2 and not pressed:
        pressed = True
        os.write(terminal, b'q')
    os.write(1, text)
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status))
`;

test('ctl top on a terminal: a screen of its own, as many lines as there are, and q ends it', {
  skip: noTerminals,
}, async (t) => {
  const said = [{ level: 'error', msg: 'worker #3 ended while serving GET "/\x1b[31m"' }];
  const control = await serveFigures(t, figuresOf(64), said);
  const file = join(temporaryFolder(t), 'token');
  writeFileSync(file, 'correct-horse-battery');
  const args = [process.execPath, fixture('ctl.js'), 'top', '--control', control, '--token-file', file];
  const { code, out } = await new Promise<Outcome>((resolve) => {
    execFile('python3', ['-c', ON_TERMINAL, ...args], { timeout: 60_000 }, (error, stdout, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out: stdout, err });
    });
  });
  assert.equal(code, 0, out);
  assert.ok(out.startsWith('\x1b[?1049h\x1b[?25l'), 'another screen');
  assert.ok(out.endsWith('\x1b[?25h\x1b[?1049l'), 'and back');
  const last = (out.split('\x1b[H').at(-1) ?? '').split('\x1b[J')[0] ?? '';
  const lines = last.split(/\r*\n/).map((line) => line.replace('\x1b[K', ''));
  assert.ok(lines.length <= 23, `${lines.length} lines`);
  assert.ok(
    lines.every((line) => line.length <= 80),
    last,
  );
  assert.match(last, /shop \(pid 4711\) is running, generation 3/);
  assert.match(last, /… \d+ more workers/);
  // From the second look on there is a rate. It stands before the active requests and the connections, one each.
  assert.match(last, / REQS REQ\/S ACT CONN /);
  assert.match(last, /^ {2}2 +40001 +3 ready +\S+ +\d+ +[1-9]\d* +1 +1 /m);
  assert.equal(lines.at(-2), 'Last errors:');
  assert.match(lines.at(-1) ?? '', /^\d\d:\d\d:\d\d worker #3 ended while serving GET "\/\\u001b\[31m"$/);
});

test('ctl reload, restart and scale', async () => {
  await host().ready();
  const { generation } = await host().stats();
  const reload = await run('reload');
  assert.deepEqual(
    [reload.code, reload.out],
    [0, `reloaded: generation ${generation + 1} serves, workers replaced: 2\n`],
  );
  assert.deepEqual(await run('restart', '1'), { code: 0, out: 'worker #1 is another one now\n', err: '' });
  assert.deepEqual(await run('scale', '+1'), { code: 0, out: 'workers: 3\n', err: '' });
  assert.deepEqual(await run('scale', '-1'), { code: 0, out: 'workers: 2\n', err: '' });
  assert.deepEqual(await run('scale', '2', '--json'), { code: 0, out: '{"workers":2}\n', err: '' });
});

test('ctl: what is refused is told, with exit code 1', async () => {
  const { code, out, err } = await run('restart', '9');
  assert.deepEqual([code, out, err], [1, '', 'prefork ctl: restart: there is no worker #9 (ERR_STATE)\n']);
  const json = await run('restart', '9', '--json');
  assert.equal(json.code, 1);
  assert.equal(JSON.parse(json.out).error.code, 'ERR_STATE');
});

const USAGE: readonly (readonly [args: readonly string[], says: RegExp])[] = [
  [['nothing'], /no such command: "nothing"; there are status, top, stacks, reload, scale, restart, upgrade, stop/],
  [['toString'], /no such command: "toString"/],
  [['scale'], /scale: expected N behind it, got nothing/],
  [['scale', '0'], /N: expected a whole number from 1, got "0"/],
  [['scale', 'x'], /N: expected a whole number from 1, got "x"/],
  [['restart', '1', '2'], /restart: expected ID behind it, got 1 2/],
  [['reload', 'now'], /reload: expected nothing behind it, got now/],
  [['status', '--what'], /Unknown option '--what'/],
  [
    ['status', '--control', 'ftp://x'],
    /--control: expected unix:\/path, http:\/\/127\.0\.0\.1:port, or the option 'control' in JSON, got "ftp:\/\/x"/,
  ],
  [['status', '--control', 'unix:/x', '--token-file', '/no/such/file'], /--token-file: ENOENT/],
  [['status', '--control', ''], /where is the master\?/],
];
for (const [args, says] of USAGE) {
  test(`ctl ${args.join(' ')}: exit code 2`, async () => {
    const { code, out, err } = await ctl(args, { PREFORK_CONTROL: 'unix:/no/such/control' });
    assert.deepEqual([code, out], [2, '']);
    assert.match(err, says);
  });
}

test('ctl without a command shows what there is, in 80 columns', async () => {
  const without = await ctl([]);
  assert.deepEqual([without.code, without.out], [2, '']);
  const help = await ctl(['--help']);
  assert.deepEqual([help.code, help.err], [0, '']);
  assert.equal(help.out, without.err);
  assert.ok(help.out.split('\n').every((line) => line.length <= 80));
});

test('ctl: a master that cannot be reached is exit code 3', async (t) => {
  const missing = await ctl(['status', '--control', 'unix:/no/such/control']);
  assert.equal(missing.code, 3);
  assert.match(missing.err, /cannot reach unix:\/no\/such\/control: there is no such file/);
  const own = new Host(t, { control: where2(t), workers: 1 });
  await own.ready();
  own.kill('SIGKILL');
  await own.exited();
  const dead = await ctl(['status', '--control', last]);
  assert.equal(dead.code, 3);
  assert.match(dead.err, /nobody listens there/);
});

let last: `unix:${string}`;
function where2(t: Parameters<typeof temporaryFolder>[0]): `unix:${string}` {
  last = `unix:${join(temporaryFolder(t), 'control')}`;
  return last;
}

test('ctl: a reload that was rolled back is exit code 1, with the causes', async (t) => {
  const file = join(temporaryFolder(t), 'broken');
  const own = new Host(t, { control: where2(t), app: fixture('broken-while.js'), workers: 1, env: { BROKEN: file } });
  await own.ready();
  writeFileSync(file, '');
  const { code, out, err } = await ctl(['reload', '--control', last]);
  assert.deepEqual([code, out], [1, '']);
  assert.match(
    err,
    /^prefork ctl: the reload to generation 2 failed, and generation 1 stays: .* \(ERR_RELOAD_FAILED\)\n {2}caused by: .*\(ERR_APP_LOAD\)\n {2}caused by: the deploy is broken\n/,
  );
  rmSync(file);
  assert.equal((await ctl(['reload', '--control', last])).code, 0);
});

test('ctl: a port, with the file of its token', async (t) => {
  const file = join(temporaryFolder(t), 'token');
  writeFileSync(file, 'correct-horse-battery\n');
  const own = new Host(t, { control: { port: 0, token: 'correct-horse-battery' }, workers: 1 });
  const [{ port }] = await own.event('control');
  await own.ready();
  const control = ['--control', `http://127.0.0.1:${port}`];
  assert.equal((await ctl(['status', ...control, '--token-file', file])).code, 0);
  const without = await ctl(['status', ...control]);
  assert.deepEqual([without.code, without.out], [1, '']);
  assert.match(without.err, /the token is missing or wrong/);
});

test('ctl stop ends when the master has; ctl status of one that is not ready is exit code 1', async (t) => {
  const gate = await createLoadGate(t);
  const own = new Host(t, { control: where2(t), app: fixture('waits-to-load.js'), workers: 1, env: gate.env });
  await own.event('control');
  const early = await ctl(['status', '--control', last]);
  assert.equal(early.code, 1);
  assert.match(early.out, /^not ready: it is starting$/m);
  gate.open();
  await own.ready();
  const { code, out } = await ctl(['stop', '--control', last]);
  assert.deepEqual([code, out], [0, `stopped: pid ${own.pid}\n`]);
  assert.equal((await own.exited()).code, 0);
});

test('ctl: what clients have sent does not act on the terminal', async () => {
  const { workerLines } = await import('../../build/cli/ctl-table.js');
  const request = { method: 'GET', url: '/\x1b[2J\u202e', startedAt: 0 };
  const worker = {
    id: 1,
    pid: 1,
    age: 1,
    generation: 1,
    state: 'ready',
    spawnedAt: 0,
    readyAt: 0,
    requests: 0,
    errors: 0,
  };
  const rest = { abandoned: 0, active: 1, connections: 1, rss: 0, elu: 0, request };
  const lines = workerLines({ workers: [{ ...worker, ...rest } as never] }, { now: 1_500, columns: 200 });
  assert.match(lines[1] ?? '', /1\.5 s GET \/\\u001b\[2J\\u202e$/);
});

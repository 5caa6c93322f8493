import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { ArbiterOptions } from 'prefork';
import { fixture } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';

interface Served {
  readonly program: Program;
  readonly url: string;
  /** The pid of the host. */
  readonly pid: number;
}

interface Settings {
  readonly logger?: string;
  readonly options?: Partial<ArbiterOptions>;
  readonly env?: NodeJS.ProcessEnv;
  /** What to run the command line in. */
  readonly within?: (command: readonly string[]) => readonly [file: string, ...args: string[]];
}

/** Runs the fixture `logging-host` until it serves. */
async function serve(t: TestContext, settings: Settings = {}): Promise<Served> {
  const { logger, options, env, within = (command) => command as [string] } = settings;
  const all = { app: fixture('broken-while.js'), bind: '127.0.0.1:0', workers: 1, ...options };
  const command = [process.execPath, fixture('logging-host.js'), JSON.stringify(all), ...(logger ? [logger] : [])];
  const [file, ...args] = within(command);
  const program = new Program(t, file, args, { env: { ...process.env, ...env } });
  const [, port, pid] = await program.printed(/^serves .*"port":(\d+).* pid (\d+)/m);
  return { program, url: `http://127.0.0.1:${port}`, pid: Number(pid) };
}

/** Has one worker die of an uncaught error, and the next one exit, and stops. */
async function live({ program, url, pid }: Served): Promise<void> {
  assert.equal((await get(`${url}/uncaught`)).status, 500);
  assert.equal((await get(`${url}/exit?code=0`)).status, 500);
  // When the third worker serves, the deaths of the others have been told.
  assert.equal((await get(`${url}/`)).body, 'hello');
  process.kill(pid, 'SIGTERM');
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
}

/** The lines that the host and its workers wrote, without the one that says where it serves. */
function linesOf({ output }: Program): string[] {
  return output.split('\n').filter((line) => line !== '' && !/^(?:serves |program ended:)/.test(line));
}

interface Line {
  readonly time: string;
  readonly level: string;
  readonly name: string;
  readonly msg: string;
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read fields of every event.
  readonly [field: string]: any;
}

function assertLife(lines: readonly { readonly event: string }[]): void {
  const count = (event: string): number => lines.filter((line) => line.event === event).length;
  const once = ['listening', 'ready', 'worker:error', 'signal', 'stop', 'stopped'];
  assert.deepEqual(
    once.map((event) => [event, count(event)]),
    once.map((event) => [event, 1]),
  );
  assert.equal(lines.at(-1)?.event, 'stopped');
}

test('json_lines_on_a_pipe: by default, each line parses, and an uncaught error is in one of them', async (t) => {
  const host = await serve(t, { options: { name: 'web' } });
  await live(host);
  const lines = linesOf(host.program).map((line): Line => JSON.parse(line));
  assertLife(lines);
  for (const { time, level, name, msg } of lines) {
    assert.equal(new Date(time).toISOString(), time);
    assert.match(level, /^(?:info|warn|error)$/);
    assert.equal(name, 'web');
    assert.ok(msg);
  }
  const failed = lines.filter((line) => JSON.stringify(line).includes('uncaught in a timer'));
  assert.deepEqual(
    failed.map(({ event, level, err }) => [event, level, err.message, /\n +at /.test(err.stack)]),
    [['worker:error', 'error', 'uncaught in a timer', true]],
  );
  const crashes = lines.filter(({ event, level }) => event === 'worker:exit' && level === 'error');
  assert.deepEqual(
    crashes.map(({ code, reason, request }) => [code, reason, request.method, request.url]),
    [
      [1, 'crash', 'GET', '/uncaught'],
      [0, 'crash', 'GET', '/exit?code=0'],
    ],
  );
});

const script = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '';

test('human_lines_on_a_terminal', { skip: !script.includes('util-linux') }, async (t) => {
  const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
  const within = (command: readonly string[]): readonly [string, ...string[]] => {
    return ['script', '-qec', command.map(quote).join(' '), '/dev/null'];
  };
  const host = await serve(t, { within });
  await live(host);
  const { output } = host.program;
  assert.match(output, /^\d{4}-\d\d-\d\dT[\d:.]+Z INFO {2}\[prefork\] listening on 127\.0\.0\.1:\d+\r$/m);
  assert.match(output, /Z INFO {2}\[prefork\] ready: 1 worker, pid \d+\r$/m);
  assert.match(
    output,
    /Z ERROR \[prefork\] worker #\d \(pid \d+\) failed: Error: uncaught in a timer\r\n {4}at .*app\.js/,
  );
  assert.match(output, /ERROR \[prefork\] .* ended \(crash, exit code 1\) while serving GET "\/uncaught", .* old\r$/m);
  assert.match(output, /INFO {2}\[prefork\] stopped\r$/m);
  assert.equal(output.match(/uncaught in a timer/g)?.length, 1);
  assert.doesNotMatch(output, /^\{/m);
});

test('pino_and_console_fit: pino', async (t) => {
  const host = await serve(t, { logger: 'pino' });
  await live(host);
  const lines = linesOf(host.program).map((line): Line => JSON.parse(line));
  assertLife(lines);
  const [error] = lines.filter(({ event }) => event === 'worker:error');
  assert.deepEqual([error?.level, error?.pid, error?.['err'].message], [50, host.pid, 'uncaught in a timer']);
  assert.match(error?.msg ?? '', /^worker #\d \(pid \d+\) failed: Error: uncaught in a timer$/);
  assert.ok(lines.some(({ event, level }) => event === 'worker:spawn' && Number(level) === 20));
});

test('pino_and_console_fit: console', async (t) => {
  const host = await serve(t, { logger: 'console' });
  await live(host);
  for (const line of linesOf(host.program)) assert.match(line, /^(?:\[prefork\] \w| {4}\S)/);
  assert.match(
    host.program.output,
    /^\[prefork\] worker #\d \(pid \d+\) failed: Error: uncaught in a timer\n {4}at .*app\.js/m,
  );
});

test('timeout_is_logged: pid, slot, method, URL, age, and the indented stack', async (t) => {
  const { program, url } = await serve(t, { logger: 'console', options: { timeout: 500 } });
  const line =
    /^\[prefork\] worker #1 \(pid (\d+)\) timed out: .*, serving GET "\/spin\?at=once"(?: from 127\.0\.0\.1)?, ([\d.]+) (m?s) old, running JavaScript, answered 504\n {4}at app \(.*app\.js:\d+:\d+\)\n/m;
  // On a busy machine, the stack may come too late to be reported.
  for (let attempt = 0; attempt < 5 && !line.test(program.output); attempt++) {
    assert.equal((await get(`${url}/spin?at=once`)).status, 504);
    assert.equal((await get(`${url}/`)).body, 'hello');
  }
  const [, pid, age, unit] = await program.printed(line);
  assert.ok(Number(age) * (unit === 's' ? 1_000 : 1) >= 500);
  await program.printed(new RegExp(`worker #1 \\(pid ${pid}\\) ended \\(timeout, SIGKILL\\) while serving GET "/spin`));
});

test('a logger of an inline host is called in the master alone', async (t) => {
  const host = await serve(t, { logger: 'own', options: { app: 'inline' } });
  await live(host);
  const lines = linesOf(host.program);
  assert.equal(lines.filter((line) => line === 'master: stopped').length, 1);
  for (const line of lines) assert.match(line, /^master: /);
});

test('logger_false_is_silent', async (t) => {
  const { program, pid, url } = await serve(t, { logger: 'none' });
  assert.equal((await get(`${url}/exit?code=0`)).status, 500);
  assert.equal((await get(`${url}/`)).body, 'hello');
  process.kill(pid, 'SIGTERM');
  assert.deepEqual(await program.exited(), { code: 0, signal: null });
  assert.deepEqual(linesOf(program), []);
});

test('without a log, a worker prints its uncaught error itself', async (t) => {
  const host = await serve(t, { logger: 'none' });
  await live(host);
  const [first, ...frames] = linesOf(host.program);
  assert.match(first ?? '', /^prefork: worker \d+: uncaught: Error: uncaught in a timer$/);
  for (const frame of frames) assert.match(frame, /^ +at /);
});

test('logger_throws_loop_survives', async (t) => {
  const host = await serve(t, { logger: 'throwing' });
  await live(host);
  assert.equal(host.program.output.match(/ArbiterError: the logger threw: Error: the disk is full/g)?.length, 1);
});

test('a log that nobody reads any more ends nothing', async (t) => {
  const host = await serve(t);
  host.program.child.stderr?.destroy();
  await live(host);
});

test('a replacement that fails to boot is logged, with the error of the application', async (t) => {
  const { program, pid, lines } = await breakDeploy(t, 'built-in');
  await program.printed(/ERR_APP_LOAD/);
  process.kill(pid, 'SIGTERM');
  await program.exited();
  const [failure] = lines()
    .map((line): Line => JSON.parse(line))
    .filter(({ event }) => event === 'worker:error');
  assert.equal(failure?.level, 'error');
  assert.match(failure?.msg ?? '', /^worker #\d \(pid \d+\): the application failed to load: .* \(ERR_APP_LOAD\)$/);
  assert.equal(failure?.['err'].cause.message, 'the deploy is broken');
});

test('a replacement that fails to boot is a warning where there is no log', async (t) => {
  const { program, pid } = await breakDeploy(t, 'none');
  await program.printed(/ArbiterError: worker #\d: the application failed to load: the deploy is broken/);
  process.kill(pid, 'SIGTERM');
  await program.exited();
});

async function breakDeploy(t: TestContext, logger: string): Promise<Served & { lines: () => string[] }> {
  const broken = join(temporaryFolder(t), 'broken');
  const host = await serve(t, { logger, env: { BROKEN: broken } });
  writeFileSync(broken, '');
  await get(`${host.url}/exit?code=0`);
  return { ...host, lines: () => linesOf(host.program) };
}

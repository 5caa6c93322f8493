import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { ArbiterOptions } from 'prefork';
import { isTried } from '../helpers/amount.js';
import { type ClassUnderTest, classes } from '../helpers/classes.js';
import { fixture } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { LogPipe } from '../helpers/log-pipe.js';
import { temporaryFolder } from '../helpers/place.js';
import { Program } from '../helpers/program.js';
import { eventually, inTime } from '../helpers/wait.js';

/*
 * Standard output and standard error of a host and its workers, when their reader has gone or no longer reads. A shell
 * gives pipes, Node and systemd give sockets.
 */

type Kind = 'pipe' | 'socket';
const KINDS: readonly Kind[] = ['pipe', 'socket'];
const linuxOnly = { skip: process.platform !== 'linux' && 'a pipe can be opened again on Linux only' };

interface Served {
  readonly program: Program;
  readonly url: string;
  readonly pid: number;
}

/** A host of one worker. If `stdout` is a pipe, the address where the host serves is read from it. */
async function serve(
  t: TestContext,
  { options }: ClassUnderTest,
  logger: 'built-in' | 'none',
  to: { readonly stdout?: LogPipe; readonly stderr?: LogPipe } = {},
  more: Partial<ArbiterOptions> = {},
): Promise<Served> {
  const all = { app: fixture('complains.js'), bind: '127.0.0.1:0', workers: 1, ...options, ...more };
  const program = new Program(t, process.execPath, [fixture('logging-host.js'), JSON.stringify(all), logger], {
    stdio: ['ignore', to.stdout?.end ?? 'pipe', to.stderr?.end ?? 'pipe'],
  });
  const serves = /^serves .*"port":(\d+).* pid (\d+)/m;
  if (to.stdout) await eventually(() => serves.test(to.stdout?.text ?? ''), 'a host that serves');
  const [, port, pid] = to.stdout ? (serves.exec(to.stdout.text) ?? []) : await program.printed(serves);
  return { program, url: `http://127.0.0.1:${port}`, pid: Number(pid) };
}

/** Waits for the exit of the process, and not for the end of its output, which may have no end here. */
async function stop({ program: { child }, pid }: Served): Promise<void> {
  const exited = once(child, 'exit');
  process.kill(pid, 'SIGTERM');
  assert.deepEqual(await inTime(exited, 'the end of the host'), [0, null]);
}

/** Requests that are under way at the same time: as many as the class serves beside another one. */
const BESIDE = { sync: 0, threaded: 1, async: 10 } as const;

for (const [number, each] of classes().entries()) {
  for (const [nth, kind] of KINDS.entries()) {
    for (const [which, logger] of (['built-in', 'none'] as const).entries()) {
      // Covers each kind of reader with each logger, and each of both with each class.
      if (!isTried((number + nth + which) % 2 === 0)) continue;
      test(`log_reader_gone: a handler that fails ends no worker: ${each.name}, ${kind}, logger ${logger}`, async (t) => {
        const stderr = kind === 'pipe' ? new LogPipe(t) : undefined;
        const host = await serve(t, each, logger, stderr ? { stderr } : {});
        const { url } = host;
        const { body: worker } = await get(`${url}/`);
        if (stderr) stderr.leave();
        else host.program.child.stderr?.destroy();
        const others = Array.from({ length: BESIDE[each.name] }, () => get(`${url}/late?ms=300`));
        for (let count = 0; count < 10; count++) assert.equal((await get(`${url}/throw`)).status, 500);
        assert.deepEqual(
          (await Promise.all(others)).map(({ status, body }) => [status, body]),
          others.map(() => [200, worker]),
        );
        assert.equal((await get(`${url}/`)).body, worker);
        await stop(host);
      });
    }

    test(`log_reader_stuck: handlers fail, nothing waits for the reader, and the host ends: ${each.name}, ${kind}`, async (t) => {
      const stderr = kind === 'pipe' ? new LogPipe(t) : undefined;
      const host = await serve(t, each, 'built-in', stderr ? { stderr } : {});
      const { url } = host;
      const { body: worker } = await get(`${url}/`);
      if (stderr) stderr.fill();
      else host.program.child.stderr?.pause();
      // More than fits into the pipe and into the memory that is set aside for it.
      for (let number = 0; number < 100; number++) {
        assert.equal((await get(`${url}/throw?bytes=20000&number=${number}`)).status, 500);
      }
      assert.equal((await get(`${url}/`)).body, worker);
      await stop(host);
    });
  }

  test(
    `log_reader_slow: lines come whole, and those that are missing are counted: ${each.name}`,
    linuxOnly,
    async (t) => {
      const stderr = new LogPipe(t);
      const host = await serve(t, each, 'built-in', { stderr });
      const { url } = host;
      stderr.fill();
      // A line that is longer than PIPE_BUF, 4 KiB, may come in pieces, between those of other lines.
      const failures = 400;
      for (let number = 0; number < failures; number++) await get(`${url}/throw?bytes=2000&number=${number}`);
      const seen = (): { readonly came: string[]; readonly dropped: number } => {
        const { text } = stderr;
        const came = [...text.matchAll(/: Error: failed (\d+) x*…?$/gm)].map(([, number]) => number as string);
        const counts = [...text.matchAll(/dropped, (?:(\d+) times|once)["\n]/g)].map(([, count = '1']) =>
          Number(count),
        );
        return { came, dropped: counts.reduce((sum, count) => sum + count, 0) };
      };
      await eventually(
        () => seen().came.length + seen().dropped === failures,
        () => `${failures} failures that came or were counted:\n${JSON.stringify(seen())}`,
      );
      assert.ok(seen().came.length > 10 && seen().dropped > 10, JSON.stringify(seen()));
      await get(`${url}/throw?number=${failures}`);
      await stop(host);
      assert.equal(seen().came.at(-1), String(failures));
      const { text } = stderr;
      const lines = (): string[] => text.split('\n');
      assert.ok(lines().some((line) => line.includes('"event":"stopped"')));
    },
  );

  test(`own_output: a reader of standard output that has gone ends no worker: ${each.name}`, linuxOnly, async (t) => {
    const stdout = new LogPipe(t);
    const host = await serve(t, each, 'built-in', { stdout });
    const { url } = host;
    const { body: worker } = await get(`${url}/`);
    stdout.leave();
    const others = Array.from({ length: BESIDE[each.name] }, () => get(`${url}/late?ms=300`));
    for (let number = 0; number < 5; number++) {
      assert.equal((await get(`${url}/say?number=${number}`)).body, worker);
    }
    for (const { body } of await Promise.all(others)) assert.equal(body, worker);
    // Output comes again, also that of threads, which passes through the main thread.
    stdout.comeBack();
    // The last failure may still be reported, and a line is lost with it.
    const comes = async (): Promise<boolean> => {
      assert.equal((await get(`${url}/say?number=6`)).body, worker);
      return stdout.text.includes('said 6 ');
    };
    await eventually(comes, 'the output to another reader');
    await stop(host);
  });
}

test('log_reader_stuck: a process warning of the master keeps no host alive', linuxOnly, async (t) => {
  const stderr = new LogPipe(t);
  const broken = join(temporaryFolder(t), 'broken');
  const [sync] = classes() as [ClassUnderTest];
  const host = await serve(t, sync, 'none', { stderr }, { app: fixture('broken-while.js'), env: { BROKEN: broken } });
  stderr.fill();
  writeFileSync(broken, '');
  // The replacement fails to boot again and again, and only the process warning reports it.
  await get(`${host.url}/exit?code=0`);
  await eventually(
    () => existsSync(`${broken}.loads`) && readFileSync(`${broken}.loads`).length >= 3,
    'three failed boots',
  );
  await stop(host);
});

for (const to of ['stdout', 'stderr'] as const) {
  test(`own_output: who listens for the error of ${to} hears it`, async (t) => {
    const pipe = new LogPipe(t);
    const [async] = classes().filter(({ name }) => name === 'async') as [ClassUnderTest];
    const host = await serve(t, async, 'built-in', { [to]: pipe });
    const { url } = host;
    await get(`${url}/listen?to=${to}`);
    pipe.leave();
    await get(`${url}/say?to=${to}`);
    assert.equal((await get(`${url}/heard`)).body, 'EPIPE');
    await stop(host);
  });
}

import assert from 'node:assert/strict';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { certificate, noCertificates } from './certificate.js';
import { CLASSES } from './classes.js';
import type { Phase } from './fault-phases.js';
import type { Fault } from './faulty-system.js';
import { fixture, Host, type HostOptions } from './host.js';
import { temporaryFolder } from './place.js';
import { gone } from './process.js';

/*
 * At each point at which the master calls the system, in each phase of its life, that call fails once, in each way in
 * which it can fail; see the fixture `faults`. The host must live, each promise must be settled, the workers that are
 * well must serve, and nothing may be left in the end.
 */

interface Round {
  readonly fault: Fault;
  readonly outcome: {
    readonly reached: boolean;
    readonly errors: readonly string[];
    readonly code?: string;
    readonly wrong?: string;
  };
}

/** Options whose system calls no other options lead to. */
interface More {
  readonly options: HostOptions;
  readonly env: NodeJS.ProcessEnv;
  readonly litter?: { readonly socket: string; readonly pidFile: string };
}

function more(t: TestContext): More {
  const folder = temporaryFolder(t);
  // A stand-in for `systemd-notify` that accepts everything.
  const program = join(folder, 'systemd-notify');
  writeFileSync(program, '#!/bin/sh\nexit 0\n');
  chmodSync(program, 0o755);
  return {
    options: {
      bind: ['127.0.0.1:0', `unix:${join(folder, 'socket')}`],
      pidFile: join(folder, 'pid'),
    },
    env: { PATH: `${folder}:${process.env['PATH']}`, NOTIFY_SOCKET: join(folder, 'notify') },
  };
}

async function runThrough(
  t: TestContext,
  phase: Phase,
  own: HostOptions = {},
  calls?: readonly string[],
  { options, env, litter }: ReturnType<typeof more> = more(t),
): Promise<Round[]> {
  const all = { app: fixture('app.js'), workers: workersOf(phase), logger: false, timeout: 0, ...options, ...own };
  const args = [JSON.stringify({ phase, calls, options: all, everyPoint, ...(litter && { litter }) })];
  const host = new Host(t, {}, { entry: 'faults.js', args, env });
  let seen = -1;
  let ended = false;
  host.child.once('exit', () => {
    ended = true;
  });
  while (host.of('done').length === 0) {
    const begun = host.of('begin').at(-1)?.args[0];
    assert.ok(!ended, `the host ended at ${JSON.stringify(begun)}\n${host.log}`);
    await host.until(
      () => host.of('round').length > seen || host.of('done').length > 0 || ended,
      `the end of ${JSON.stringify(begun)}`,
    );
    seen = host.of('round').length;
  }
  assert.deepEqual(await host.exited(), { code: 0, signal: null });
  const rounds = host.of('round').map(({ args: [fault, outcome] }): Round => ({ fault, outcome }));
  const wrong = rounds.filter(({ outcome }) => outcome.wrong !== undefined);
  assert.deepEqual(wrong, [], `${wrong.length} of ${rounds.length} rounds`);
  report(t, rounds);
  return rounds;
}

/** Reports which calls were reached, and how often. */
function report(t: TestContext, rounds: readonly Round[]): void {
  const counts = new Map<string, number>();
  for (const { fault, outcome } of rounds) {
    const name = `${fault.name} ${fault.way}`;
    if (outcome.reached) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const points = new Set(rounds.map(({ fault: { name, site } }) => `${name} ${site}`));
  const list = [...counts].map(([name, count]) => `${name} × ${count}`).join(', ');
  t.diagnostic(`${points.size} points, ${rounds.length} runs: ${list}`);
  // With the variable FAULTS, all points are listed.
  if (process.env['FAULTS']) t.diagnostic([...points].sort().join('\n'));
}

function namesReached(rounds: readonly Round[]): string[] {
  return [...new Set(rounds.filter(({ outcome }) => outcome.reached).map(({ fault }) => fault.name))].sort();
}

/**
 * Which calls each phase must reach at least. Without this, a record that the master does not use any more would make
 * all tests pass.
 */
const REACHED: Readonly<Record<Exclude<Phase, 'exit'>, readonly string[]>> = {
  start: [
    ...['bindTcp', 'bindUnix', 'closeSync', 'fchmodSync', 'fstatSync', 'linkSync', 'lstatSync', 'onSignal', 'openSync'],
    ...[
      'readFileSync',
      'readSync',
      'realpathSync',
      'renameSync',
      'rmSync',
      'spawn',
      'statSync',
      'unlinkSync',
      'write',
      'writeSync',
    ],
  ],
  respawn: [
    'closeSync',
    'fchmodSync',
    'killGroup',
    'openSync',
    'probe',
    'readSync',
    'spawn',
    'unlinkSync',
    'write',
    'writeSync',
  ],
  // `readSync` is left out: its first call may be in a tick, which a quick round does not reach. The other phases have
  // it.
  scale: ['closeSync', 'killGroup', 'openSync', 'probe', 'spawn', 'unlinkSync', 'write', 'writeSync'],
  reload: [
    'closeSync',
    'killGroup',
    'openSync',
    'probe',
    'readSync',
    'realpathSync',
    'spawn',
    'unlinkSync',
    'write',
    'writeSync',
  ],
  upgrade: ['spawn'],
  stop: ['closeSync', 'killGroup', 'lstatSync', 'probe', 'readSync', 'statSync', 'unlinkSync', 'write', 'writeSync'],
  kill: ['kill', 'killGroup', 'probe', 'write'],
  watch: ['closeSync', 'openSync', 'readSync'],
};

/**
 * In the short form there are two workers only where one ends and the other one serves on: the first call of each kind
 * is the same with one.
 */
const workersOf = (phase: Phase): number => (everyPoint || phase === 'respawn' ? 2 : 1);

/** Whether each point is tried, not only the first one of each call. */
let everyPoint = false;

const OPTIONS: Partial<Record<Phase, HostOptions>> = { watch: { timeout: 1_000 }, kill: { gracefulTimeout: 100 } };

/**
 * @param every - whether each point, way and class is tried, which takes a quarter of an hour. Otherwise only the first
 * point of each call, with sync workers.
 */
export function testFaults(every: boolean): void {
  everyPoint = every;
  for (const phase of ['start', 'respawn', 'scale', 'reload', 'upgrade', 'stop', 'kill', 'watch'] as const) {
    test(`each system call of the master fails once: ${phase}`, async (t) => {
      const rounds = await runThrough(t, phase, OPTIONS[phase], phase === 'kill' ? REACHED.kill : undefined);
      const reached = namesReached(rounds);
      assert.deepEqual(
        REACHED[phase].filter((name) => !reached.includes(name)),
        [],
        `reached: ${reached}`,
      );
    });
  }

  test('each system call of the master fails once: start, with litter in the way, TLS and another user', {
    skip: process.getuid?.() !== 0 ? 'needs root' : noCertificates,
  }, async (t) => {
    const { env } = more(t);
    const folder = temporaryFolder(t);
    const [socket, pidFile] = [join(folder, 'socket'), join(folder, 'pid')];
    const options = {
      bind: ['localhost:0', { path: socket, mode: 0o660 }] as HostOptions['bind'] & object,
      ...{ pidFile, tls: certificate(), user: 'nobody' },
    };
    const calls = ['chmodSync', 'connect', 'execFileSync', 'inspectSocket', 'linkSync', 'lookup', 'probe', 'readTls'];
    const given = { options, env, litter: { socket, pidFile } };
    const rounds = await runThrough(t, 'start', {}, [...calls, 'unlinkSync', 'readFileSync'], given);
    assert.deepEqual(
      calls.filter((name) => !namesReached(rounds).includes(name)),
      [],
    );
  });

  test('each system call of the master fails once: reload, TLS', { skip: noCertificates }, async (t) => {
    const rounds = await runThrough(t, 'reload', { tls: certificate() }, ['readTls', 'write']);
    assert.deepEqual(namesReached(rounds), ['readTls', 'write']);
  });

  for (const workerClass of CLASSES) {
    if (workerClass === 'sync' || !every) continue;
    for (const phase of ['start', 'respawn', 'scale', 'reload', 'stop'] as const) {
      test(`what workers are started and ended with fails once, ${workerClass}: ${phase}`, async (t) => {
        await runThrough(t, phase, { workerClass, ...(workerClass === 'threaded' && { threads: 2 }) }, [
          'spawn',
          'kill',
          'killGroup',
          'probe',
          'write',
          'writeSync',
        ]);
      });
    }
  }

  test('each undoing of a host that ends by itself fails once', async (t) => {
    let runs = 0;
    const undo = async (name: string): Promise<void> => {
      const { options, env } = more(t);
      const all = { app: fixture('app.js'), workers: every ? 2 : 1, logger: false, timeout: 0, ...options };
      for (let nth = 1; nth === 1 || every; nth++) {
        const fault = { name, way: 'throws', nth };
        const args = [JSON.stringify({ phase: 'exit', options: all, fault })];
        const host = new Host(t, {}, { entry: 'faults.js', args, env });
        const [, children] = await host.event('serving');
        assert.deepEqual(await host.exited(), { code: 7, signal: null }, JSON.stringify(fault));
        // A worker that was not killed by the host notices the end of its pipe, or the guard ends it.
        await gone(...children);
        runs++;
        await host.until(() => host.log.includes('reached: '), 'whether it was reached');
        const reached = host.log.includes('reached: true');
        const left = ['pid', 'socket'].filter((file) => existsSync(join(options.pidFile ?? '', '..', file)));
        assert.ok(left.length <= (reached ? 1 : 0), `left by ${JSON.stringify(fault)}: ${left}`);
        if (!reached) break;
      }
    };
    await Promise.all(
      ['kill', 'killGroup', 'lstatSync', 'unlinkSync', 'statSync', 'readSync', 'openSync', 'closeSync'].map(undo),
    );
    t.diagnostic(`${runs} runs`);
  });
}

/* What an Arbiter of the fixture `faults` lives through. */
import { writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { onExit as atExit } from 'signal-exit';
import type { Arbiter } from '../../build/index.js';
import { send } from '../fixtures/drive.js';
import { children, expect, request, settled } from './fault-checks.js';
import { arm, disarm, type Fault, hit } from './faulty-system.js';
import { eventually, inTime } from './wait.js';

export type Phase = 'start' | 'respawn' | 'scale' | 'reload' | 'upgrade' | 'stop' | 'kill' | 'watch' | 'exit';

/** Starts an Arbiter that has not been started yet. */
async function begin(arbiter: Arbiter): Promise<void> {
  if (arbiter.state === 'idle') await arbiter.start();
}

async function serves(arbiter: Arbiter, times = 2): Promise<void> {
  for (let time = 0; time < times; time++) {
    const status = await request(arbiter);
    if (status !== 200) throw new Error(`answered ${status}`);
  }
}

export const ready = (arbiter: Arbiter, count: number): boolean =>
  arbiter.workers.length === count && arbiter.workers.every(({ state }) => state === 'ready');

/**
 * Runs one phase of an Arbiter with `count` workers. The phase arms the fault when it begins, and returns the code of
 * what was rejected.
 */
export const PHASES: Record<Phase, (arbiter: Arbiter, fault: Fault, count: number) => Promise<string | undefined>> = {
  async start(arbiter, fault) {
    arm(fault);
    const code = await settled(arbiter.start(), 'start()');
    disarm();
    if (code === undefined) await serves(arbiter);
    else if (arbiter.state !== 'stopped') throw new Error(`it is ${arbiter.state} after ${code}`);
    return code;
  },
  async respawn(arbiter, fault, count) {
    await begin(arbiter);
    // The oldest worker, so that each round with the same Arbiter kills another one.
    const victim = arbiter.workers.toSorted((one, other) => one.age - other.age)[0];
    const gone = new Promise((resolve) => arbiter.once('worker:exit', resolve));
    let exits = 0;
    const onExit = (): number => exits++;
    arbiter.on('worker:exit', onExit);
    arm(fault);
    process.kill(victim?.pid as number, 'SIGKILL');
    await inTime(gone, "'worker:exit'");
    await serves(arbiter);
    await eventually(
      () => ready(arbiter, count) && !arbiter.workers.some(({ pid }) => pid === victim?.pid),
      () => `all workers: ${JSON.stringify(arbiter.workers)}`,
    );
    await serves(arbiter);
    if (fault.name === 'write') {
      // A guard whose pipe has ended takes its master for dead, and would kill the workers half a second later.
      await delay(1_200);
      if (exits > 1) throw new Error(`${exits} workers have ended`);
    }
    arbiter.off('worker:exit', onExit);
    return undefined;
  },
  async scale(arbiter, fault, count) {
    await begin(arbiter);
    arm(fault);
    expect(await settled(Promise.all([arbiter.scale(count + 1), serves(arbiter)]), 'scale() to more'));
    expect(await settled(Promise.all([arbiter.scale(1), serves(arbiter)]), 'scale(1)'));
    // Surplus workers have been told to end by then. What the master does about their end is a part of this phase.
    await eventually(
      () => ready(arbiter, 1),
      () => `one worker: ${JSON.stringify(arbiter.workers)}`,
    );
    await serves(arbiter);
    return undefined;
  },
  async reload(arbiter, fault, count) {
    await begin(arbiter);
    arm(fault);
    const reload = settled(arbiter.reload(), 'reload()');
    await serves(arbiter);
    const code = await reload;
    expect(code, 'ERR_RELOAD_FAILED');
    await serves(arbiter);
    await eventually(
      () => ready(arbiter, count),
      () => `all workers: ${JSON.stringify(arbiter.workers)}`,
    );
    return code;
  },
  async upgrade(arbiter, fault, count) {
    await begin(arbiter);
    arm(fault);
    let pid: number | undefined;
    const upgrade = arbiter.upgrade().then((next) => {
      pid = next.pid;
    });
    const code = await settled(upgrade, 'upgrade()');
    expect(code, 'ERR_UPGRADE_FAILED');
    await serves(arbiter);
    disarm();
    if (pid !== undefined) process.kill(pid, 'SIGTERM');
    await eventually(() => children().length === count + 1, 'the end of the successor');
    await serves(arbiter);
    return code;
  },
  async stop(arbiter, fault) {
    await arbiter.start();
    const slow = request(arbiter, '/wait?ms=300');
    await eventually(() => arbiter.stats().workers.some(({ active }) => active > 0), 'a request in flight');
    arm(fault);
    expect(await settled(arbiter.stop(), 'stop()'));
    const status = await slow;
    // A worker whose control pipe breaks takes its master for dead, and does not wait for slow requests.
    const orphaned = status === 503 && fault.name === 'write';
    if (status !== 200 && !orphaned) throw new Error(`the request in flight was answered ${status}`);
    return undefined;
  },
  async kill(arbiter, fault) {
    await arbiter.start();
    // The worker is busy in JavaScript, and does not hear the order to end.
    request(arbiter, '/spin').catch(() => undefined);
    await eventually(() => arbiter.stats().workers.some(({ active }) => active > 0), 'a request in flight');
    arm(fault);
    expect(await settled(arbiter.stop(), 'stop()'));
    return undefined;
  },
  async watch(arbiter, fault, count) {
    await begin(arbiter);
    arm(fault);
    const until = performance.now() + 2_000;
    while (!hit() && performance.now() < until) await delay(20);
    await delay(300);
    await serves(arbiter);
    if (!ready(arbiter, count)) throw new Error(`the workers are ${JSON.stringify(arbiter.workers)}`);
    return undefined;
  },
  async exit(arbiter, fault) {
    await arbiter.start();
    send('serving', process.pid, children());
    arm(fault);
    // After the exit handlers of the library.
    atExit(() => void writeSync(2, `reached: ${hit()}\n`), { alwaysLast: true });
    process.exit(7);
  },
};

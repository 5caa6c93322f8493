import type { TestContext } from 'node:test';
import type { ArbiterOptions, WorkerExit, WorkerInfo } from 'prefork';
import { fixture, Host } from './host.js';
import { createLoadGate, type LoadGate } from './load-gate.js';
import { eventually } from './wait.js';

export const RECYCLED: WorkerExit = { code: 0, signal: null, reason: 'recycle' };

/** What the events of a host tell of recycling, from the first `ready` to the stop. */
export interface Replayed {
  /** The lowest number of slots with a ready worker. */
  readonly fewestServing: number;
  /** The highest number of living workers. */
  readonly mostLiving: number;
  /** How many substitutes were spawned while a worker was missing or not ready. */
  readonly overlaps: number;
}

export function replay(host: Host): Replayed {
  const living = new Map<number, { readonly id: number; readonly ready: boolean }>();
  const played = { fewestServing: Number.POSITIVE_INFINITY, mostLiving: 0, overlaps: 0 };
  let running = false;
  for (const { event, args } of host.events) {
    const { age, id } = (args[0] ?? {}) as WorkerInfo;
    const before = [...living.values()];
    if (event === 'worker:spawn') {
      // A second worker in a slot is a substitute.
      const settled = new Set(before.map((worker) => worker.id)).size === before.length;
      const ready = before.every((worker) => worker.ready);
      if (before.some((worker) => worker.id === id) && !(settled && ready)) played.overlaps++;
    }
    if (event === 'worker:spawn' || event === 'worker:ready') living.set(age, { id, ready: event === 'worker:ready' });
    if (event === 'worker:exit') living.delete(age);
    if (event === 'ready') running = true;
    if (event === 'stop') break;
    if (!running) continue;
    const serving = [...living.values()].filter((worker) => worker.ready).map((worker) => worker.id);
    played.fewestServing = Math.min(played.fewestServing, new Set(serving).size);
    played.mostLiving = Math.max(played.mostLiving, living.size);
  }
  return played;
}

/** A host whose workers ask to be recycled when the test says so, and whose workers load when the test lets them. */
export class RecyclingHost extends Host {
  readonly gate: LoadGate;

  private constructor(t: TestContext, gate: LoadGate, options: Partial<ArbiterOptions>, env: NodeJS.ProcessEnv) {
    const settings = { env: { ...gate.env, ...env, HOST_STAYS: '1', DEBUG: 'prefork:worker' } };
    super(t, { app: fixture('asks-to-be-recycled.js'), ...options }, settings);
    this.gate = gate;
  }

  /** A host whose gate is closed: no worker may load yet. */
  static async create(
    t: TestContext,
    options: Partial<ArbiterOptions>,
    env: NodeJS.ProcessEnv = {},
  ): Promise<RecyclingHost> {
    return new RecyclingHost(t, await createLoadGate(t), options, env);
  }

  /** A host whose first workers are ready. Those that come later wait at the gate as they load. */
  static async running(t: TestContext, options: Partial<ArbiterOptions>): Promise<RecyclingHost> {
    const host = await RecyclingHost.create(t, options);
    host.gate.open();
    await host.ready();
    host.gate.close();
    return host;
  }

  /** The pid of the worker of this age, even if it has ended. */
  pidOf(age: number): number {
    return this.of('worker:spawn').find(({ args }) => args[0].age === age)?.args[0].pid;
  }

  signal(age: number, signal: NodeJS.Signals): void {
    process.kill(this.pidOf(age), signal);
  }

  /** Has a worker ask to be recycled; resolves when the master has heard it. */
  async ask(age: number): Promise<void> {
    this.signal(age, 'SIGHUP');
    await this.until(() => this.log.includes(`age ${age} asks to be recycled`), `the wish of ${age}`);
  }

  /**
   * Waits until the worker of this age has been spawned and waits at the gate, together with all others that the test
   * has not admitted. A worker that has just been killed may still seem to wait, so the number alone is not enough.
   */
  async boots(age: number, waiting = 1): Promise<WorkerInfo> {
    const [worker] = await this.event('worker:spawn', (spawned) => spawned.age === age);
    const boots = (): boolean => this.gate.waits(worker.pid) && this.gate.waiting === waiting;
    await eventually(boots, `${waiting} workers that boot`);
    return worker;
  }

  /** Lets a worker that waits load; resolves when it is ready. */
  async admit(age: number): Promise<void> {
    this.gate.admit(this.pidOf(age));
    await this.event('worker:ready', (worker) => worker.age === age);
  }

  /** The age and the state of all living workers. */
  async crew(): Promise<string[]> {
    return (await this.workers()).map(({ age, state }) => `${age} ${state}`);
  }

  async exitOf(age: number): Promise<WorkerExit> {
    const [, exit] = await this.event('worker:exit', (worker) => worker.age === age);
    return exit;
  }

  async totals(): Promise<{ recycles: number; respawns: number; crashes: number }> {
    const { recycles, respawns, crashes } = (await this.stats()).totals;
    return { recycles, respawns, crashes };
  }
}

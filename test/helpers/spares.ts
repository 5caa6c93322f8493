import type { TestContext } from 'node:test';
import type { WorkerInfo } from 'prefork';
import { fixture, Host, type HostOptions } from './host.js';
import { createLoadGate, type LoadGate } from './load-gate.js';

/** What a worker of the fixture `spare-app` says about itself. */
export interface Self {
  readonly pid: number;
  readonly id: number;
  /** Its id at the time when the application was loaded. */
  readonly before: number;
  readonly thread: number;
}

/**
 * A host with spares (workers that have booted and wait for a slot). Their applications load when the test lets them;
 * at the beginning it does.
 */
export async function hostWithSpares(
  t: TestContext,
  options: HostOptions,
  env: NodeJS.ProcessEnv = {},
): Promise<{ host: Host; load: LoadGate }> {
  const load = await createLoadGate(t);
  load.open();
  const host = new Host(
    t,
    { workers: 2, spares: 1, app: fixture('spare-app.js'), ...options },
    { env: { LOAD_GATE: load.env.GATE, ...env } },
  );
  return { host, load };
}

/** Waits until exactly this many spares wait; returns them, oldest first. */
export async function spares(host: Host, count = 1): Promise<WorkerInfo[]> {
  const waiting = async (): Promise<WorkerInfo[]> => (await host.workers()).filter(({ state }) => state === 'spare');
  for (;;) {
    const seen = host.events.length;
    const found = await waiting();
    if (found.length === count) return found;
    await host.until(() => host.events.length > seen, `${count} spares, there are ${found.length}`);
  }
}

/** The workers that have a slot, by its number. */
export async function holders(host: Host): Promise<WorkerInfo[]> {
  return (await host.workers()).filter(({ id }) => id > 0).sort((a, b) => a.id - b.id);
}

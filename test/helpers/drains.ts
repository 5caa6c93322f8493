import type { Arrival } from './gate.js';
import type { Host } from './host.js';
import { eventually } from './wait.js';

/** The ways in which workers come to drain while they hold requests. Each orders it, and returns at once. */
export const DRAINS: Readonly<Record<'reload' | 'scale' | 'TERM', (host: Host, workers: number) => Promise<void>>> = {
  reload: async (host) => later(host.call('reload')),
  // The oldest go, which are those that hold the requests.
  scale: async (host, workers) => {
    await host.call('scale', 2 * workers);
    const ready = (): number => host.of('worker:ready').length;
    await host.until(() => ready() === 2 * workers, 'twice as many workers');
    later(host.call('scale', workers));
  },
  TERM: async (host) => host.kill('SIGTERM'),
};

/** It comes true when the requests have been answered, or the test is over before that. */
function later(promise: Promise<unknown>): void {
  promise.catch(() => undefined);
}

/** Resolves when all who hold these requests drain, and have acted on it. */
export async function draining(host: Host, held: readonly Arrival[]): Promise<void> {
  const pids = new Set(held.map(({ pid }) => pid));
  const all = async (): Promise<boolean> => {
    const workers = await host.workers();
    return [...pids].every((pid) => workers.some((worker) => worker.pid === pid && worker.state === 'draining'));
  };
  await eventually(all, () => `workers ${[...pids]} that drain\n${host.log}`);
  for (const arrival of held) await arrival.settle();
}

import type { WorkerSpec } from '../protocol.js';
import { loadApp, resolveHandler } from './app.js';
import type { Lifecycle } from './lifecycle.js';
import { SyncWorker } from './sync.js';

/**
 * Loads the application, serves it, and never returns: the process exits when the worker has ended. What fails on
 * the way is reported to the master.
 *
 * @param app - in the inline form the handler; in the module form undefined, the spec names the module.
 */
export async function serve(spec: WorkerSpec, lifecycle: Lifecycle, app: unknown): Promise<never> {
  try {
    lifecycle.phase = 'load';
    const handler = await resolveHandler(spec.app === undefined ? app : await loadApp(spec.app));
    lifecycle.phase = 'boot';
    const worker = new SyncWorker({ spec, slot: lifecycle.slot, fail: lifecycle.fail }, handler);
    await worker.init();
    await worker.run();
    lifecycle.serving(worker);
  } catch (error) {
    lifecycle.failBoot(error);
  }
  return new Promise<never>(() => undefined);
}

import type { ResolvedOptions } from '../options/types.js';
import type { WorkerSpec } from '../protocol.js';
import { loadApp } from './app.js';
import { spec as ownSpec } from './context.js';
import { createListener } from './handlers.js';
import type { Lifecycle } from './lifecycle.js';
import { lifecycle as ownLifecycle } from './prelude.js';
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
    const { request } = await createListener(spec.app === undefined ? app : await loadApp(spec.app));
    lifecycle.phase = 'boot';
    const worker = new SyncWorker({ spec, slot: lifecycle.slot, fail: lifecycle.fail }, request);
    await worker.init();
    await worker.run();
    lifecycle.serving(worker);
  } catch (error) {
    lifecycle.failBoot(error);
  }
  return new Promise<never>(() => undefined);
}

/** `start()` of an Arbiter in a worker process: serves in the inline form, if it is the one that the worker is for. */
export async function startInWorker({ name, app }: ResolvedOptions): Promise<void> {
  if (!ownSpec || !ownLifecycle || ownSpec.app !== undefined || ownSpec.name !== name) return;
  return serve(ownSpec, ownLifecycle, app);
}

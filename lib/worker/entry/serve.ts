import type { ResolvedOptions } from '../../options/resolved.js';
import { decodeScript } from '../../protocol/script.js';
import type { WorkerSpec } from '../../protocol/spec.js';
import { spec as ownSpec } from '../context.js';
import { inbox, openInbox } from '../lifecycle/inbox.js';
import type { Lifecycle } from '../lifecycle/servant.js';
import { ownScript } from '../own-script.js';
import { mail } from '../threads/mail.js';
import { ThreadPool } from '../threads/pool.js';
import { loadApp } from './app.js';
import { loadClass } from './classes.js';
import { keepCompiled } from './compile-cache.js';
import { lifecycle as ownLifecycle } from './prelude.js';
import { createWarner } from './warner.js';
import { watchListen } from './watch-listen.js';

/** What the host's script brings in the inline form; the spec names modules where it does not. */
export interface Inline {
  readonly app: unknown;
  readonly workerClass: unknown;
}

/**
 * Loads the application, serves it, and never returns: the process exits when the worker has ended. What fails on
 * the way is reported to the master. In a thread of a worker the same holds for the thread.
 */
export async function serve(spec: WorkerSpec, lifecycle: Lifecycle, inline?: Inline): Promise<never> {
  try {
    lifecycle.phase = 'load';
    const Class = await loadClass(spec.workerClass ?? inline?.workerClass);
    const { slot, pulse, fail, tell, onWake, leaveSockets, onTicketKeys } = lifecycle;
    const tls = spec.tls ? await lifecycle.tls() : undefined;
    if (Class.kind === 'threads' && spec.thread === undefined) {
      mail.open(spec.serving.threads, lifecycle);
      const pool = new ThreadPool(spec, lifecycle, tls);
      lifecycle.phase = 'boot';
      await pool.run();
      lifecycle.serving(pool);
    } else {
      openInbox(spec, lifecycle);
      const warn = createWarner(tell, spec.thread);
      const app = await (spec.app === undefined ? inline?.app : load(spec.app, spec, warn));
      lifecycle.phase = 'boot';
      const worker = new Class({ spec, slot, pulse, fail, tell, warn, onWake, leaveSockets, tls, onTicketKeys }, app);
      if (worker.receive) inbox.on('message', (message) => worker.receive?.(message), false);
      await worker.init();
      keepCompiled();
      if (spec.id === 0) await lifecycle.awaitSlot(await worker.standBy());
      await worker.run();
      lifecycle.serving(worker);
    }
  } catch (error) {
    lifecycle.failBoot(error);
  }
  return new Promise<never>(() => undefined);
}

/** A module's application, or the server of a script, whose code no other worker needs. */
async function load(app: string, { clocks }: WorkerSpec, warn: ReturnType<typeof createWarner>): Promise<unknown> {
  const script = decodeScript(app);
  if (!script) {
    watchListen((message) => warn('listen', message));
    return loadApp(app);
  }
  const { runScript } = await import('./script.js');
  return runScript(script, { ...clocks, warn: (message) => warn('listen', message) });
}

/** `start()` of an Arbiter in a worker process: serves in the inline form, if it is the one that the worker is for. */
export async function startInWorker({ name, source, app, workerClass }: ResolvedOptions): Promise<void> {
  if (!ownSpec || !ownLifecycle || ownSpec.app !== undefined || ownSpec.name !== name) return;
  // Its workers begin with the module.
  if (source.form === 'module') return;
  ownScript.arrive();
  return serve(ownSpec, ownLifecycle, { app, workerClass: workerClass.inline });
}

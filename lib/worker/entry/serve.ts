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

/** What the host's script passes in the inline form; in the module form, the spec names modules instead. */
export interface Inline {
  readonly app: unknown;
  readonly workerClass: unknown;
}

/**
 * Loads the application, serves it, and never returns: the process exits when the worker has ended. A failure on the
 * way is reported to the master. The same holds for a thread of a worker.
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
      let isRun = false;
      const runs = (): boolean => isRun;
      const context = { spec, slot, pulse, fail, tell, warn, onWake, runs, leaveSockets, tls, onTicketKeys };
      const worker = new Class(context, app);
      if (worker.receive) inbox.on('message', (message) => worker.receive?.(message), false);
      await worker.init();
      keepCompiled();
      if (spec.id === 0) await lifecycle.awaitSlot(await worker.standBy());
      isRun = true;
      await worker.run();
      lifecycle.serving(worker);
    }
  } catch (error) {
    lifecycle.failBoot(error);
  }
  return new Promise<never>(() => undefined);
}

/**
 * Loads the application of a module, or the server of a script. The code for scripts is imported here, since no other
 * worker needs it.
 */
async function load(app: string, { clocks }: WorkerSpec, warn: ReturnType<typeof createWarner>): Promise<unknown> {
  const script = decodeScript(app);
  if (!script) {
    watchListen((message) => warn('listen', message));
    return loadApp(app);
  }
  const { runScript } = await import('./script.js');
  return runScript(script, { ...clocks, warn: (message) => warn('listen', message) });
}

/**
 * What `start()` of an Arbiter does in a worker process: in the inline form, the Arbiter that the worker is for
 * serves.
 */
export async function startInWorker({ name, source, app, workerClass }: ResolvedOptions): Promise<void> {
  if (!ownSpec || !ownLifecycle || ownSpec.app !== undefined || ownSpec.name !== name) return;
  // In the module form, a worker runs `main.ts`, not the script of the host.
  if (source.form === 'module') return;
  ownScript.arrive();
  return serve(ownSpec, ownLifecycle, { app, workerClass: workerClass.inline });
}

/* `--watch`: a reload for each change. A reload that fails is rolled back, so the old code goes on serving. */
import { relative } from 'node:path';
import { Arbiter } from '../arbiter.js';
import { LONGEST_DELAY } from '../delay.js';
import { ArbiterError } from '../errors.js';
import { say } from '../log/standard-error.js';
import type { ArbiterOptions } from '../options/types.js';
import { workingFolder } from '../options/working-folder.js';
import { watchSources } from './source-tree.js';

/** Failures that the next version of the code may not have, so that it is worth waiting for a change. */
const MENDABLE: ReadonlySet<string> = new Set(['ERR_APP_LOAD', 'ERR_WORKER_BOOT', 'ERR_BOOT_TIMEOUT']);

/**
 * Serves, and reloads when a file changes. If the code does not boot, waits for a change and tries again. Resolves when
 * the Arbiter has been stopped.
 */
export async function serveWatched(options: ArbiterOptions): Promise<void> {
  const folder = workingFolder();
  let onChange: () => void = () => undefined;
  const unwatch = watchSources(folder, (files) => {
    const [first = '', ...others] = files.map((file) => relative(folder, file));
    tell(`${first}${others.length > 0 ? ` and ${others.length} more` : ''} changed`);
    onChange();
  });
  try {
    for (;;) {
      let arrived: () => void = () => undefined;
      const changed = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      const arbiter = new Arbiter(options);
      const reload = reloader(arbiter);
      onChange = () => {
        if (arbiter.state === 'running' || arbiter.state === 'reloading') reload();
        else arrived();
      };
      // A change during the start may be in some workers, and not in others.
      arbiter.once('ready', () => void changed.then(reload));
      try {
        return await arbiter.run();
      } catch (error) {
        if (!(error instanceof ArbiterError) || !MENDABLE.has(error.code)) throw error;
        tell(`${error.message}\nwaiting for a change`);
        await stillWaiting(changed);
      }
    }
  } finally {
    unwatch();
  }
}

/**
 * Waits for a change, and keeps the process alive meanwhile. The watchers do not, so that the process can end when the
 * Arbiter has stopped.
 */
async function stillWaiting(changed: Promise<void>): Promise<void> {
  const keep = setInterval(() => undefined, LONGEST_DELAY);
  await changed;
  clearInterval(keep);
}

/**
 * Returns a function that asks for a reload. Calls during a reload cause one more after it, since their changes may
 * have come too late; not one for each call.
 */
function reloader(arbiter: Arbiter): () => void {
  let current: Promise<unknown> = Promise.resolve();
  let waits = false;
  return () => {
    if (waits) return;
    waits = true;
    current = current.then(() => {
      waits = false;
      return arbiter.reload().catch(ignore);
    });
  };
}

/** The failure of the reload has been told by the events `rollback` and `error`, and logged. */
function ignore(): void {}

/** Writes to standard error. If its reader has gone, the service goes on. */
function tell(text: string): void {
  say(`${text.replace(/^/gm, 'prefork: ')}\n`);
}

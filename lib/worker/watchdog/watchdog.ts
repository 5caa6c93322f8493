/*
 * The watchdog: a thread that watches the main thread of its process. It reads the main thread's signs of life and, if
 * that hangs, says where. It must not depend on anything of the thread that it watches.
 */
import { join } from 'node:path';
import { Worker as Thread } from 'node:worker_threads';
import { descriptor, say } from '../../log/standard-error.js';
import { monotonic } from '../../monotonic.js';
import { LIBRARY } from '../../options/library.js';
import type { WorkerSpec } from '../../protocol/spec.js';
import { ownMemory } from '../access/own.js';
import { namesOf } from '../sockets.js';
import type { Pulse } from '../vitals/pulse.js';
import type { WatchdogData } from './thread.js';

/** Megabytes. The watchdog keeps hardly any data. */
const LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

/** Starts a thread that watches this one. Returns a function that ends it; it ends with the process anyway. */
export function startWatchdog(spec: WorkerSpec, pulse: Pulse, image: SharedArrayBuffer): () => void {
  const since = monotonic();
  pulse.vitals.watch(since);
  const data: WatchdogData = {
    vitals: pulse.vitals.memory,
    image,
    slot: spec.slot,
    limits: spec.clocks,
    spawnedAt: spec.spawnedAt,
    since,
    sockets: namesOf(spec, 0),
    log: descriptor(),
    lines: ownMemory,
    access: spec.access,
  };
  const thread = new Thread(join(LIBRARY, 'worker/watchdog/thread.js'), {
    workerData: data,
    name: 'prefork watchdog',
    resourceLimits: LIMITS,
    // What the application's flags and NODE_OPTIONS load into its threads is not for this one.
    execArgv: [],
    env: {},
  });
  thread.unref();
  thread.on('error', (error) => {
    say(`prefork: worker ${process.pid}: its watchdog ended: ${error.stack}\n`);
  });
  thread.on('exit', () => pulse.vitals.unwatch());
  return () => void thread.terminate();
}

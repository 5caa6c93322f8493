import { takeSpec, type WorkerSpec } from '../protocol.js';

/**
 * What this process was started for; undefined in the master and in every other program. Whoever imports
 * this first (the prelude, in a worker) takes it out of the environment.
 */
export const spec: WorkerSpec | undefined = takeSpec(process.env);

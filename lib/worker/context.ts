import { takeSpec, type WorkerSpec } from '../protocol/spec.js';

/**
 * What this process was started for; undefined in the master and in every other program. Whoever imports
 * this first (the prelude, in a worker) takes it out of the environment.
 */
export const spec: WorkerSpec | undefined = takeSpec(process.env);

/** Says so in every worker's process: a script that runs in it may import another copy of this library. */
const MARK = Symbol.for('prefork.worker');
if (spec) Object.defineProperty(process, MARK, { value: true });

/** Whether this process is a worker that another copy of this library has begun. */
export const foreign: boolean = !spec && MARK in process;

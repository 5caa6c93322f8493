import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { takeSpec, type WorkerSpec } from '../protocol/spec.js';

/**
 * What this process was started for; undefined in the master and in every other program. The first import of this
 * module (in a worker, by the prelude) takes it out of the environment.
 */
export const spec: WorkerSpec | undefined = takeSpec(process.env);

/** The process title, as `ps` shows it. */
export function titleOf({ name, id }: Pick<WorkerSpec, 'name' | 'id'>): string {
  return id === 0 ? `prefork: spare [${name}]` : `prefork: worker [${name}] #${id}`;
}

/** This spare has been given a slot: from now on the process, and all that it starts, has the number of that slot. */
export function takeSlot(id: number): void {
  if (!spec) return;
  Object.assign(spec, { id });
  if (spec.thread === undefined) process.title = titleOf(spec);
}

/** Marks every worker process as one: a script that runs in it may import another copy of this library. */
const MARK = Symbol.for('prefork.worker');
if (spec) Object.defineProperty(process, MARK, { value: true });

/** The same for the threads that its application starts, whatever their flags and environment. */
const MARK_OF_THREADS = 'prefork.worker';
if (spec) setEnvironmentData(MARK_OF_THREADS, true);

/**
 * Whether this is a thread that the application of a worker has started. Without this mark, an Arbiter in it would
 * become a master within the worker. If that is because the host itself runs in a thread, each worker would start that
 * thread again, and so on without end.
 */
export const inThread: boolean = !spec && !(MARK in process) && getEnvironmentData(MARK_OF_THREADS) === true;

/** Whether this process is a worker that another copy of this library has begun, or this is such a thread of one. */
export const foreign: boolean = !spec && (MARK in process || inThread);

/**
 * The properties of `process` through which copies of this library find what the first copy has left, such as the
 * worker that an application runs in. An application that was bundled with a copy needs them. Each thread has a
 * `process` object of its own. The number at the end is the version of the shape: it must change when something in what
 * is found there changes its meaning.
 */
const LEFT = { worker: Symbol.for('prefork.worker.1'), start: Symbol.for('prefork.start.1') };
type Left = 'worker' | 'start';

/** Leaves something for the other copies of this library in this process or thread. */
export function leaveForCopies<T>(what: Left, own: T): T {
  Object.defineProperty(process, LEFT[what], { value: own });
  return own;
}

/** What the copy that began this worker has left; undefined where there is nothing. */
export function leftByCopy(what: Left): unknown {
  return Reflect.get(process, LEFT[what]);
}

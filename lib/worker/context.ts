import { takeSpec, type WorkerSpec } from '../protocol/spec.js';

/**
 * What this process was started for; undefined in the master and in every other program. Whoever imports
 * this first (the prelude, in a worker) takes it out of the environment.
 */
export const spec: WorkerSpec | undefined = takeSpec(process.env);

/** Of a process, as `ps` shows it. */
export function titleOf({ name, id }: Pick<WorkerSpec, 'name' | 'id'>): string {
  return id === 0 ? `prefork: spare [${name}]` : `prefork: worker [${name}] #${id}`;
}

/** This spare has got a slot: from now on it, and all that it starts, has its number. */
export function takeSlot(id: number): void {
  if (!spec) return;
  Object.assign(spec, { id });
  if (spec.thread === undefined) process.title = titleOf(spec);
}

/** Says so in every worker's process: a script that runs in it may import another copy of this library. */
const MARK = Symbol.for('prefork.worker');
if (spec) Object.defineProperty(process, MARK, { value: true });

/** Whether this process is a worker that another copy of this library has begun. */
export const foreign: boolean = !spec && MARK in process;

/**
 * Where an application finds its own worker, also one that has been bundled with a copy of this library. Of each process and each thread, which
 * have a `process` of their own. The number is that of what is found there: another one where something of it means something else.
 */
const LEFT = { worker: Symbol.for('prefork.worker.1'), start: Symbol.for('prefork.start.1') };
type Left = 'worker' | 'start';

/** For the other copies. */
export function leaveForCopies<T>(what: Left, own: T): T {
  Object.defineProperty(process, LEFT[what], { value: own });
  return own;
}

/** What the copy that has begun this worker has left; undefined where there is none. */
export function leftByCopy(what: Left): unknown {
  return Reflect.get(process, LEFT[what]);
}

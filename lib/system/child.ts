import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { EventEmitter } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { system } from './system.js';

/** A child process, as far as this library has to do with it: also one that could not be started. */
export interface Child extends EventEmitter {
  /** Undefined of one that could not be started. */
  readonly pid?: number | undefined;
  readonly stdin: Writable | null;
  readonly stderr: Readable | null;
  /** Empty of one that could not be started. */
  readonly stdio: readonly (Readable | Writable | null | undefined)[];
  readonly exitCode: number | null;
  readonly signalCode: NodeJS.Signals | null;
  kill(signal: NodeJS.Signals): boolean;
  ref(): void;
  unref(): void;
}

const ignore = (): void => undefined;

/**
 * The one way to start a process. It never throws: whatever keeps the process from starting is an event `'error'`, once, a moment
 * later, of a child without a pid and without streams.
 *
 * spawn(3) of Node knows three ways to fail. It throws (E2BIG, ENOMEM, EPERM); it returns a child that tells later (ENOENT, EACCES,
 * EAGAIN); and where the descriptors are used up (EMFILE, ENFILE), that child has not even the properties of its streams.
 */
export function spawnChild(file: string, args: readonly string[], options: SpawnOptions): Child {
  try {
    const child = system.spawn(file, args, options);
    return child.pid === undefined ? new UnbornChild(child) : child;
  } catch (error) {
    return new UnbornChild(error as Error);
  }
}

/** One that is not even tried, for that reason. */
export function unbornChild(cause: Error): Child {
  return new UnbornChild(cause);
}

class UnbornChild extends EventEmitter implements Child {
  readonly pid = undefined;
  readonly stdin = null;
  readonly stderr = null;
  readonly stdio = [];
  readonly exitCode = null;
  readonly signalCode = null;

  constructor(cause: Error | ChildProcess) {
    super();
    if (cause instanceof Error) process.nextTick(() => this.#tell(cause));
    else {
      cause.once('error', (error) => this.#tell(error)).on('error', ignore);
      for (const stream of cause.stdio ?? []) stream?.on('error', ignore).destroy();
    }
  }

  kill(): boolean {
    return false;
  }

  ref(): void {}

  unref(): void {}

  #tell(error: Error): void {
    // One that nobody listens to would be thrown.
    if (this.listenerCount('error') > 0) this.emit('error', error);
  }
}

/** How long after a signal that the system refused it is tried again. Milliseconds. */
const AGAIN = 1_000;

/** Whether the child has ended. */
export function hasEnded({ pid, exitCode, signalCode }: Child): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null;
}

/**
 * Signals a child, without a throw. Returns why that could not be done, if it was not because the child has ended. Of several that end at the same time
 * Node tells one after the other, so one may be gone (ESRCH) that it has not told of.
 */
export function signalChild(child: Child, signal: NodeJS.Signals): Error | undefined {
  let refusal: Error | undefined;
  const note = (error: Error): void => {
    refusal = error;
  };
  // Node tells of EPERM by this event, and of ESRCH by nothing; it returns false for both.
  child.on('error', note);
  try {
    return system.kill(child, signal) ? undefined : refusal;
  } catch (error) {
    return error as Error;
  } finally {
    child.off('error', note);
  }
}

/**
 * A signal that must arrive: as long as the system refuses it, it is sent again, until the child has ended. An order to end that got lost would
 * leave a worker that nobody waits for, or a stop that never comes to its end.
 */
export function insist(child: Child, signal: NodeJS.Signals, onRefusal: (error: Error) => void = ignore): void {
  const refusal = signalChild(child, signal);
  if (refusal === undefined) return;
  onRefusal(refusal);
  setTimeout(() => {
    if (!hasEnded(child)) insist(child, signal);
  }, AGAIN).unref();
}

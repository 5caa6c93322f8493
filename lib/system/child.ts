import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { EventEmitter } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { system } from './system.js';

/** A child process, as far as this library needs it; it may also be one that could not be started. */
export interface Child extends EventEmitter {
  /** Undefined for one that could not be started. */
  readonly pid?: number | undefined;
  readonly stdin: Writable | null;
  readonly stderr: Readable | null;
  /** Empty for one that could not be started. */
  readonly stdio: readonly (Readable | Writable | null | undefined)[];
  readonly exitCode: number | null;
  readonly signalCode: NodeJS.Signals | null;
  kill(signal: NodeJS.Signals): boolean;
  ref(): void;
  unref(): void;
}

const ignore = (): void => undefined;

/**
 * The one way to start a process. It never throws. Whatever keeps the process from starting is reported by an event
 * `'error'`, once, a moment later, on a child without a pid and without streams.
 *
 * Node's spawn() has three ways to fail. It throws (E2BIG, ENOMEM, EPERM). It returns a child that reports the error
 * later (ENOENT, EACCES, EAGAIN). And where the descriptors are used up (EMFILE, ENFILE), that child does not even have
 * the properties of its streams.
 */
export function spawnChild(file: string, args: readonly string[], options: SpawnOptions): Child {
  try {
    const child = system.spawn(file, args, options);
    return child.pid === undefined ? new UnbornChild(child) : child;
  } catch (error) {
    return new UnbornChild(error as Error);
  }
}

/** A child whose start is not even tried, for that reason. */
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
    // An 'error' event without a listener would be thrown.
    if (this.listenerCount('error') > 0) this.emit('error', error);
  }
}

/** How long after the system has refused a signal it is sent again. Milliseconds. */
const AGAIN = 1_000;

/** Whether the child has ended, or was never started. */
export function hasEnded({ pid, exitCode, signalCode }: Child): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null;
}

/**
 * Signals a child, and never throws. Returns why that failed, unless it failed because the child has ended. When
 * several children end at the same time, Node reports one after the other, so a child may be gone (ESRCH) before Node
 * has reported its end.
 */
export function signalChild(child: Child, signal: NodeJS.Signals): Error | undefined {
  let refusal: Error | undefined;
  const note = (error: Error): void => {
    refusal = error;
  };
  // Node reports EPERM by this event, and ESRCH by nothing; it returns false for both.
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
 * Sends a signal that must arrive: as long as the system refuses it, it is sent again, until the child has ended. If an
 * order to end got lost, there would be a worker that nobody waits for, or a stop that never comes to its end.
 */
export function insist(child: Child, signal: NodeJS.Signals, onRefusal: (error: Error) => void = ignore): void {
  const refusal = signalChild(child, signal);
  if (refusal === undefined) return;
  onRefusal(refusal);
  setTimeout(() => {
    if (!hasEnded(child)) insist(child, signal);
  }, AGAIN).unref();
}

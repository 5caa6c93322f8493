import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { ArbiterError } from '../errors.js';
import { workingFolder } from '../options/working-folder.js';
import { isRecord } from '../serialized-error.js';
import { type Bequest, FIRST_SOCKET_FD, HERITAGE_VARIABLE, heritage, LINE_FD } from './heritage.js';
import type { Listener } from './listener.js';
import { readLines } from './read-lines.js';
import { refusal } from './states.js';

/** How long binding and loading the host's own script may take beyond the boot of the workers. Milliseconds. */
const HOST_BOOT = 30_000;
/** How long a successor that is not wanted may take to end. Milliseconds. */
const FAREWELL = 5_000;

/** The process that serves the same sockets. */
export interface Successor {
  readonly pid: number;
  /** Resolves when it has ended before this one. */
  readonly ended: Promise<unknown>;
}

/*
 * A successor is one of the whole process: it runs the host's script, with all its Arbiters. So this is kept per process.
 */

/** The sockets of each Arbiter that runs in this process. */
const estates = new Set<readonly Listener[]>();
/** The process that is to be the successor, until it serves. */
let candidate: ChildProcess | undefined;
let upgrading: Promise<Successor> | undefined;
let successor: (Successor & { readonly line: Duplex }) | undefined;
/** Where the user started this process, by the name that it was given. */
const folder = workingFolder();

/** Whether another process serves the sockets of this one too, and goes on when this one stops. */
export function hasSuccessor(): boolean {
  return successor !== undefined;
}

/** An Arbiter serves these; returns what ends that. */
export function ownEstate(listeners: readonly Listener[]): () => void {
  estates.add(listeners);
  return () => {
    estates.delete(listeners);
    if (estates.size > 0) return;
    // The last one: this process may live on, but it has nothing left that a successor would wait for.
    successor?.line.end();
    candidate?.kill('SIGTERM');
  };
}

/**
 * Starts the command of this process again, with the sockets of all its Arbiters; resolves when all of them are served there too.
 * Rejects with `ERR_UPGRADE_FAILED` when that process ends, or does not get so far in time, and nothing has changed then;
 * with `ERR_STATE` when there is a successor, or a predecessor, already. Who asks again meanwhile waits for the same.
 *
 * @param bootTimeout - of the workers, milliseconds; 0 for no limit.
 */
export async function upgrade(bootTimeout: number): Promise<Successor> {
  if (successor) throw refusal('upgrade', `the process ${successor.pid} serves already; end this one or that`);
  if (heritage && !heritage.alone) {
    throw refusal('upgrade', `the process before this one, ${heritage.predecessor}, still runs; end it first`);
  }
  upgrading ??= succeed(bootTimeout).finally(() => {
    upgrading = undefined;
  });
  return upgrading;
}

async function succeed(bootTimeout: number): Promise<Successor> {
  const listeners = [...estates].flat();
  const child = start(listeners);
  if (child.pid === undefined) {
    const [cause] = (await once(child, 'error')) as [Error];
    throw failure(`it could not be started: ${cause.message}`, cause);
  }
  candidate = child;
  const line = child.stdio[LINE_FD] as Duplex;
  line.on('error', () => undefined);
  const next = { pid: child.pid, line, ended: once(child, 'exit') };
  const limit = bootTimeout === 0 ? undefined : bootTimeout + HOST_BOOT;
  try {
    await allServed(
      child,
      line,
      listeners.map(({ bind }) => bind),
      limit,
    );
  } catch (error) {
    dismiss(child);
    throw error;
  } finally {
    candidate = undefined;
  }
  successor = next;
  child.once('exit', () => {
    // It backs out: this process serves on, and may try again.
    if (successor === next) successor = undefined;
  });
  // It is meant to outlive this process.
  child.unref();
  (line as unknown as { unref(): void }).unref();
  return next;
}

function start(listeners: readonly Listener[]): ChildProcess {
  const sockets = listeners.map(({ bind, address, foreign }, index) => {
    const path = typeof address === 'string' && !foreign ? { path: address } : {};
    return { bind, fd: FIRST_SOCKET_FD + index, foreign, ...path };
  });
  const bequest: Bequest = { predecessor: process.pid, sockets };
  return spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    cwd: folder,
    // The service manager's watchdog asks the main process, whichever that is.
    env: { ...process.env, WATCHDOG_PID: undefined, [HERITAGE_VARIABLE]: JSON.stringify(bequest) },
    stdio: ['inherit', 'inherit', 'inherit', 'pipe', ...listeners.map(({ fd }) => fd)],
  });
}

/** Resolves when the successor serves all addresses. */
function allServed(
  child: ChildProcess,
  line: Duplex,
  binds: readonly string[],
  limit: number | undefined,
): Promise<void> {
  const missing = [...binds];
  return new Promise((resolve, reject) => {
    const overdue = (): void => reject(failure(`it did not serve ${missing.join(', ')} within ${limit} ms`));
    const timer = limit === undefined ? undefined : setTimeout(overdue, limit);
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      reject(failure(`it ended with ${signal ?? `exit code ${code}`} before it served ${missing.join(', ')}`));
    });
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    readLines(line, (text) => {
      const index = missing.indexOf(bindOf(text) ?? '');
      if (index !== -1) missing.splice(index, 1);
      if (missing.length === 0) done();
    });
  });
}

function bindOf(line: string): string | undefined {
  try {
    const message: unknown = JSON.parse(line);
    return isRecord(message) && typeof message['serves'] === 'string' ? message['serves'] : undefined;
  } catch {
    return undefined;
  }
}

/** Its own guard ends its workers, if it does not. */
function dismiss(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), FAREWELL);
  child.once('exit', () => clearTimeout(timer));
}

function failure(why: string, cause?: Error): ArbiterError {
  return new ArbiterError('ERR_UPGRADE_FAILED', `the upgrade failed, and this process serves on: ${why}`, { cause });
}

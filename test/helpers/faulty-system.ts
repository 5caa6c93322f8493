import { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { files } from '../../build/system/files.js';
import { processes } from '../../build/system/processes.js';
import { system } from '../../build/system/system.js';

/*
 * Replaces the functions of the records through which the master reaches the system: it notes who calls, and makes one
 * of the calls fail.
 */

type Functions = Record<string, (...args: never[]) => unknown>;
/** A way to fail, called in the place of the real function. */
type Failure = (real: (...args: never[]) => unknown, args: never[]) => unknown;

function failed(code: string, name: string): Error {
  return Object.assign(new Error(`${code}: injected, ${name}`), { code, errno: -1, syscall: name });
}

/** The codes with which calls fail; all others fail with EIO. */
const CODES: Readonly<Record<string, string>> = {
  openSync: 'EMFILE',
  writeSync: 'ENOSPC',
  unlinkSync: 'EROFS',
  renameSync: 'EROFS',
  linkSync: 'EROFS',
  rmSync: 'EROFS',
  chmodSync: 'EPERM',
  fchmodSync: 'EPERM',
  spawn: 'ENOMEM',
  kill: 'EPERM',
  killPid: 'EPERM',
  killGroup: 'EPERM',
  onSignal: 'EMFILE',
  write: 'EPIPE',
  bindTcp: 'ENOBUFS',
  bindUnix: 'EACCES',
  connect: 'EMFILE',
};

/** The ways in which a call can fail, by name. A call that is not listed here throws. */
const WAYS: Readonly<Record<string, Readonly<Record<string, Failure>>>> = {
  // close(2) frees the descriptor even when it fails.
  closeSync: {
    throws: (real, args) => {
      real(...args);
      throw failed('EIO', 'close');
    },
  },
  spawn: {
    throws: () => {
      throw failed('ENOMEM', 'spawn');
    },
    // As with EAGAIN: the child has streams and no pid, and reports the error later.
    'tells later': (real, args) => {
      const [, ...rest] = args;
      return (real as (...args: unknown[]) => unknown)('/no/such/program', ...rest);
    },
    // As with EMFILE: the child does not even have the properties for its streams.
    'has no streams': () => {
      const child = new ChildProcess();
      process.nextTick(() => child.emit('error', failed('EMFILE', 'spawn')));
      return child;
    },
  },
  kill: {
    throws: () => {
      throw failed('EINVAL', 'kill');
    },
    // Node reports EPERM by an event.
    'is refused': (_, [child]) => {
      (child as unknown as ChildProcess).emit('error', failed('EPERM', 'kill'));
      return false;
    },
  },
  write: {
    throws: () => {
      throw failed('EPIPE', 'write');
    },
    'tells later': (_, [stream]) => void (stream as unknown as Writable).destroy(failed('EPIPE', 'write')),
  },
  connect: {
    throws: () => {
      throw failed('EMFILE', 'connect');
    },
    'tells later': () => new Socket().destroy(failed('ENOBUFS', 'connect')),
  },
  lookup: { rejects: () => Promise.reject(failed('EAI_AGAIN', 'lookup')) },
};

/** A point at which the system is called. */
export interface Point {
  /** The function of the record. */
  readonly name: string;
  /** The innermost lines of the library that the call comes from. */
  readonly site: string;
}

/**
 * One failure: the `nth` call of a function fails in this way. Calls are counted from 1, from the moment at which the
 * fault is armed; only those from `site` count, or all without it.
 */
export interface Fault {
  readonly name: string;
  readonly site?: string;
  readonly way: string;
  readonly nth: number;
}

function waysOf(name: string): Readonly<Record<string, Failure>> {
  const throws: Failure = () => {
    throw failed(CODES[name] ?? 'EIO', name);
  };
  return WAYS[name] ?? { throws };
}

/** The ways in which a function of the record can fail. */
export function waysToFail(name: string): readonly string[] {
  return Object.keys(waysOf(name));
}

let armed: Fault | undefined;
let calls = 0;
let reached = false;
/** What has been called since the fault was armed. */
let points = new Map<string, Point>();

/** Arms a fault: from now on, that call fails. */
export function arm(fault: Fault): void {
  [armed, calls, reached, points] = [fault, 0, false, new Map()];
}

/** The points that have been called since the fault was armed. */
export function seen(): Point[] {
  return [...points.values()];
}

const DEPTH = 3;
Error.stackTraceLimit = 30;

/** Where the call comes from: `file:line` of the innermost frames in the library. */
function caller(): string {
  const frames = [...(new Error().stack ?? '').matchAll(/\/build\/([\w/-]+\.js:\d+)/g)].map(
    ([, place]) => place as string,
  );
  return frames.slice(0, DEPTH).join(' < ');
}

/** Whether the fault has been reached since it was armed. */
export function hit(): boolean {
  return reached;
}

/** Disarms the fault. Returns whether it was reached. */
export function disarm(): boolean {
  armed = undefined;
  return reached;
}

/*
 * The master runs from the unbundled files of build/, whose records can be replaced. Its workers run from the bundle,
 * which loads in half the time.
 */
const { spawn } = system;
const UNBUNDLED = '/build/worker/entry/';
system.spawn = (file, args, options) =>
  spawn(
    file,
    args.map((arg) => arg.replace(UNBUNDLED, '/dist/worker/entry/')),
    options,
  );

for (const record of [files, processes, system] as unknown as Functions[]) {
  for (const [name, real] of Object.entries(record)) {
    if (typeof real !== 'function') continue;
    record[name] = (...args: never[]) => {
      if (armed === undefined) return real(...args);
      const site = caller();
      points.set(`${name} ${site}`, { name, site });
      if (armed.name !== name || (armed.site ?? site) !== site || ++calls !== armed.nth) return real(...args);
      reached = true;
      return (waysOf(name)[armed.way] as Failure)(real, args);
    };
  }
}

import { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { files } from '../../build/system/files.js';
import { processes } from '../../build/system/processes.js';
import { system } from '../../build/system/system.js';

/*
 * A stand-in for the record through which the master reaches the system: it notes who calls, and makes one of the calls fail.
 */

type Functions = Record<string, (...args: never[]) => unknown>;
/** How a call fails, in the place of the real one. */
type Failure = (real: (...args: never[]) => unknown, args: never[]) => unknown;

function failed(code: string, name: string): Error {
  return Object.assign(new Error(`${code}: injected, ${name}`), { code, errno: -1, syscall: name });
}

/** The system calls that have codes of their own; all others say EIO. */
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

/** The ways in which a call can fail, by name; each throws, unless it is told otherwise here. */
const WAYS: Readonly<Record<string, Readonly<Record<string, Failure>>>> = {
  // close(2) frees the number all the same.
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
    // As with EAGAIN: a child without a pid that tells later, and has streams.
    'tells later': (real, args) => {
      const [, ...rest] = args;
      return (real as (...args: unknown[]) => unknown)('/no/such/program', ...rest);
    },
    // As with EMFILE: one that has not even the properties of its streams.
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
    // Of EPERM, Node tells by an event.
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
  /** The innermost places of the library that it is called from. */
  readonly site: string;
}

/** The `nth` call of a function, from this site or from anywhere, from the moment at which it is armed, from 1, fails in this way. */
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
/** What was called while it was armed. */
let points = new Map<string, Point>();

/** Has a call fail from now on. */
export function arm(fault: Fault): void {
  [armed, calls, reached, points] = [fault, 0, false, new Map()];
}

/** The points that have been seen since it was armed. */
export function seen(): Point[] {
  return [...points.values()];
}

const DEPTH = 3;
Error.stackTraceLimit = 30;

/** Who calls, `file:line` of the innermost frames in the library. */
function caller(): string {
  const frames = [...(new Error().stack ?? '').matchAll(/\/build\/([\w/-]+\.js:\d+)/g)].map(
    ([, place]) => place as string,
  );
  return frames.slice(0, DEPTH).join(' < ');
}

/** Whether there was such a call since then. */
export function hit(): boolean {
  return reached;
}

/** Nothing fails any more. Returns whether the fault was reached. */
export function disarm(): boolean {
  armed = undefined;
  return reached;
}

/* The master is that of many files, whose records can be reached; its workers are those of the bundle, which load in half the time. */
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

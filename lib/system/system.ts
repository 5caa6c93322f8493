import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { promises as dns } from 'node:dns';
import net from 'node:net';
import type { Writable } from 'node:stream';
import { readTls } from '../options/tls.js';
import { type Files, files } from './files.js';
import { type Processes, processes } from './processes.js';
import { bindTcp, bindUnix, inspectSocket } from './socket.js';

/** The one record through which the master reaches the system. */
export interface System {
  readonly files: Files;
  readonly processes: Processes;
  /** Called only by `spawnChild`, since it may throw, or return a child without streams. */
  spawn(file: string, args: readonly string[], options: SpawnOptions): ChildProcess;
  execFileSync: typeof execFileSync;
  /** Signals a child. Node refuses to signal a child that it has reaped, so the pid cannot be another's by now. */
  kill(child: Pick<ChildProcess, 'kill'>, signal: NodeJS.Signals): boolean;
  onSignal(name: NodeJS.Signals, handler: () => void): void;
  /** Writes to the pipe of a child. Calls back when the system has taken the text, or has refused it. */
  write(stream: Writable, text: string, taken?: () => void): void;
  bindTcp: typeof bindTcp;
  bindUnix: typeof bindUnix;
  inspectSocket: typeof inspectSocket;
  connect(path: string): net.Socket;
  lookup(host: string): Promise<{ readonly address: string }>;
  readTls: typeof readTls;
}

/** A test replaces one of these with something that fails, see {@link files}. */
export const system: System = {
  files,
  processes,
  spawn,
  execFileSync,
  kill: (child, signal) => child.kill(signal),
  onSignal: (name, handler) => void process.on(name, handler),
  write: (stream, text, taken) => void stream.write(text, taken),
  bindTcp,
  bindUnix,
  inspectSocket,
  connect: (path) => net.connect(path),
  lookup: (host) => dns.lookup(host),
  readTls,
};

import type { TlsOptions } from 'node:tls';
import { monotonic } from '../../monotonic.js';
import type { ResolvedOptions } from '../../options/resolved.js';
import { encodeSpec, FD, SPEC_VARIABLE, type WorkerSpec } from '../../protocol/spec.js';
import type { resolveAccount } from '../../system/account.js';
import { type Child, spawnChild, unbornChild } from '../../system/child.js';
import { files } from '../../system/files.js';
import { localName } from '../../system/peers.js';
import type { AccessLog } from '../access/access-log.js';
import { boundName, type Listener } from '../sockets/listener.js';
import { bootLimit } from './clocks.js';
import { type Command, SHELL } from './command.js';
import type { Generation } from './generation.js';
import type { TicketKeys } from './ticket-keys.js';

/** How to start one worker process. */
export interface Launch {
  readonly command: Command;
  readonly spec: WorkerSpec;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** The listening sockets in the order of `bind`. Those after the first one are repeated, once for each copy. */
  readonly sockets: readonly number[];
  readonly scoreboard: number;
  /** How long after `spawnedAt` of the spec the worker is killed if it is not ready, milliseconds; 0 means never. */
  readonly bootLimit: number;
  readonly tls: TlsOptions | undefined;
  readonly tickets: TicketKeys | undefined;
  readonly access?: AccessLog | undefined;
  /** Asks the worker, by the scoreboard, what it is doing. */
  readonly ask: (ask: number) => void;
  /** Why the worker cannot be started, where that is known beforehand. */
  readonly failure?: Error;
}

/** What differs from one worker to the next. */
export interface Place {
  readonly id: number;
  readonly age: number;
  /** Index of its slot on the scoreboard. */
  readonly slot: number;
  /** How long the worker leaves the clients to others once it can serve, milliseconds. */
  readonly rest: number;
}

/** What all workers of an Arbiter have in common, whatever their generation. */
export interface Ground {
  readonly listeners: readonly Listener[];
  /** Descriptor of the scoreboard. */
  readonly scoreboard: number;
  readonly account: ReturnType<typeof resolveAccount>;
  readonly access?: AccessLog | undefined;
}

/**
 * How many threads of a process may be replaced before the process itself is, if there are further sockets: each thread
 * takes copies of them.
 */
const SPARE_COPIES = 8;

export function planLaunch(
  options: ResolvedOptions,
  generation: Generation,
  place: Place,
  ground: Ground,
): Omit<Launch, 'ask'> {
  const { listeners, scoreboard, account, access } = ground;
  const [first, ...further] = listeners.map(({ fd }) => fd);
  const copies = options.workerClass.threads === 0 ? 1 : options.workerClass.threads + SPARE_COPIES;
  const { trustProxy, proxyProtocol, requestId } = options;
  const { name, serving, clocks, gracefulTimeout, backlog, http, recycle, logger, umask } = options;
  const { command, cwd, env, app, workerClass, tls, tickets } = generation;
  return {
    command,
    spec: {
      name,
      ...place,
      generation: generation.number,
      sockets: listeners.length,
      locals: listeners.map(({ foreign, address }) => (foreign ? null : localName(boundName(address)))),
      copies,
      backlog,
      direct: SHELL === undefined && listeners.length > 0,
      serving,
      clocks,
      gracefulTimeout,
      spawnedAt: monotonic(),
      tls: tls !== undefined,
      http,
      ...(workerClass !== undefined && { workerClass }),
      recycle,
      logged: logger !== false,
      ...(app !== undefined && { app }),
      ...(umask !== undefined && { umask }),
      ...account,
      ...(access && { access: access.spec(FD.EXTRA_SOCKETS + copies * further.length) }),
      ...(trustProxy !== false && { trustProxy }),
      ...(proxyProtocol && { proxyProtocol }),
      ...(requestId !== false && { requestId }),
    },
    cwd,
    env,
    sockets: first === undefined ? [] : [first, ...Array.from({ length: copies }, () => further).flat()],
    scoreboard,
    bootLimit: bootLimit(clocks),
    tls,
    tickets,
    access,
  };
}

/**
 * Why `cwd` cannot be used, if it cannot. For a missing folder the system says ENOENT, as for a missing program, and
 * Node would name the program.
 */
function folderError(path: string): Error | undefined {
  try {
    return files.statSync(path).isDirectory()
      ? undefined
      : new Error(`${path}, the 'cwd' of the workers, is no directory`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') return undefined;
    return new Error(`${path}, the 'cwd' of the workers, does not exist`);
  }
}

/** Starts a worker. `report` is the descriptor of the file for what V8 says when it runs out of memory. */
export function spawnWorker(launch: Launch, report: number | undefined): Child {
  const { command, spec, cwd, env, sockets, scoreboard, failure, access } = launch;
  const obstacle = failure ?? folderError(cwd);
  if (obstacle) return unbornChild(obstacle);
  const [first, ...further] = sockets;
  const socket = first ?? 'ignore';
  const stdin = spec.direct ? socket : 'ignore';
  const shellCopy = spec.direct ? 'ignore' : socket;
  const log = access?.source === undefined ? [] : [access.source];
  const child = spawnChild(command.file, command.args, {
    cwd,
    // In a process group of its own, so that what it starts can be ended with it.
    detached: true,
    env: { ...env, [SPEC_VARIABLE]: encodeSpec(spec) },
    stdio: [stdin, 'inherit', 'inherit', 'pipe', shellCopy, scoreboard, report ?? 'ignore', ...further, ...log],
  });
  if (access?.source === 'pipe') child.once('exit', access.collect(child.stdio[FD.EXTRA_SOCKETS + further.length]));
  return child;
}

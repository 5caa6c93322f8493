import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { asDelay } from '../../delay.js';
import { ArbiterError } from '../../errors.js';
import { envFiles, splitEnvFiles } from '../../options/env-files.js';
import { pace } from '../../pace.js';
import { type Child, hasEnded, insist, spawnChild } from '../../system/child.js';
import { readToTheEnd } from '../../system/last-words.js';
import { system } from '../../system/system.js';
import { readLines } from '../common/read-lines.js';
import { refusal } from '../loop/states.js';
import {
  type Bequest,
  FIRST_SOCKET_FD,
  HERITAGE_VARIABLE,
  heritage,
  LINE_FD,
  newsIn,
  newsLine,
} from '../sockets/heritage.js';
import type { Listener } from '../sockets/listener.js';
import { hasTicketKeys, hearTicketKeys, shareTicketKeys } from '../workers/ticket-keys.js';
import { origin } from './origin.js';
import { startFolder } from './start-folder.js';

/** How long binding and loading the host's own script may take beyond the boot of the workers. Milliseconds. */
const HOST_BOOT: number = pace('hostBoot', 30_000);
/** How long a successor that is not wanted may take to end, beyond what its clients may take. Milliseconds. */
const FAREWELL = 5_000;
/** How long its end may come behind that of its line. Milliseconds. */
const LAST_WORDS = 1_000;

/** What one Arbiter of this process serves. */
export interface Estate {
  readonly name: string;
  /** None before they are bound. */
  listeners: readonly Listener[];
  /** Its workers are ready. */
  serves: boolean;
  /** Another process serves all of this one too. */
  onSuccessor(pid: number): void;
  /** It has ended, and this one has not. */
  onBackedOut(): void;
}

/** Limits for the other process, milliseconds; 0 for none. */
export interface UpgradeLimits {
  readonly clocks: { readonly bootTimeout: number };
  readonly gracefulTimeout: number;
}

interface Candidate {
  readonly pid: number;
  readonly child: Child;
  readonly line: Duplex;
  readonly ended: Promise<void>;
  /** What it is about to give up. */
  readonly left: Set<string>;
  /** Ends it before it serves. */
  readonly abandon: AbortController;
}

/*
 * A successor is one of the whole process: it runs the host's script, with all its Arbiters. So this is kept per process.
 */

/** The Arbiters that run in this process, in the order of their start. */
const estates = new Set<Estate>();
/** The process that is to be the successor, until it serves. */
let candidate: Candidate | undefined;
let upgrading: Promise<number> | undefined;
let successor: Candidate | undefined;

/** Whether another process serves the sockets of this one too, and goes on when this one stops. */
export function hasSuccessor(): boolean {
  return successor !== undefined;
}

/** An Arbiter has begun to start; returns what ends that. */
export function ownEstate(estate: Estate): () => void {
  estates.add(estate);
  return () => {
    estates.delete(estate);
    // The last one: this process may live on, but it has nothing left that a successor would wait for.
    if (estates.size === 0) successor?.line.end();
  };
}

/** What an Arbiter has to have begun to serve, as the processes call it towards each other. */
export function dutiesOf({ name, listeners }: Pick<Estate, 'name' | 'listeners'>): string[] {
  return listeners.length === 0 ? [name] : listeners.map(({ bind }) => bind);
}

/** Tells the processes beside this one what it is about to give up. */
export function announceLeave(duties: readonly string[]): void {
  if (heritage?.alone === false) heritage.leave(duties);
  for (const leaves of duties) if (successor) system.write(successor.line, newsLine({ leaves }));
}

/** Whether those have said the same: nobody will serve what waits. */
export function othersLeave(duties: readonly string[]): boolean {
  const peers = [...(successor ? [successor] : []), ...(heritage?.alone === false ? [heritage] : [])];
  return peers.every(({ left }) => duties.every((duty) => left.has(duty)));
}

/**
 * Starts the command of this process again, with the sockets of all its Arbiters; resolves with its pid when all of them are served
 * there too. Rejects with `ERR_UPGRADE_FAILED` when that process ends, or does not get so far in time: then it is gone, and nothing
 * has changed. With `ERR_STATE` when there is a successor, or a predecessor, already. Who asks again meanwhile waits for the same.
 */
export async function upgrade(limits: UpgradeLimits): Promise<number> {
  if (successor) throw refusal('upgrade', `the process ${successor.pid} serves already; end this one or that`);
  if (heritage && !heritage.alone) {
    throw refusal('upgrade', `the process before this one, ${heritage.predecessor}, still runs; end it first`);
  }
  const [other] = [...estates].filter(({ serves }) => !serves);
  if (other) throw refusal('upgrade', `the Arbiter '${other.name}' of this process is still starting`);
  upgrading ??= succeed(limits)
    .catch((error) => {
      throw error instanceof ArbiterError ? error : failure((error as Error).message, error as Error);
    })
    .finally(() => {
      upgrading = undefined;
    });
  return upgrading;
}

/** This process is to end, so nobody is to succeed it who does not serve yet. Resolves when that one has ended. */
export async function abandonUpgrade(): Promise<void> {
  candidate?.abandon.abort();
  await upgrading?.catch(() => undefined);
}

/** The same where there is no time left. */
export function dismissCandidate(): void {
  if (candidate) insist(candidate.child, 'SIGTERM');
}

async function succeed({ clocks: { bootTimeout }, gracefulTimeout }: UpgradeLimits): Promise<number> {
  const next = await launch([...estates]);
  try {
    // It waits for these before all else.
    const endShare = shareTicketKeys((tickets) => system.write(next.line, newsLine({ tickets })));
    next.line.once('close', endShare);
    await allServed(next, [...estates].flatMap(dutiesOf), bootTimeout === 0 ? undefined : bootTimeout + HOST_BOOT);
  } catch (error) {
    // It may have clients already. Until it has ended, it is in the way of another attempt.
    await dismiss(next, gracefulTimeout + FAREWELL);
    throw error;
  } finally {
    candidate = undefined;
  }
  successor = next;
  next.ended.then(() => {
    // It backs out: this process serves on, and may try again.
    successor = undefined;
    for (const estate of estates) estate.onBackedOut();
  });
  // It is meant to outlive this process.
  next.child.unref();
  (next.line as unknown as { unref(): void }).unref();
  for (const estate of estates) estate.onSuccessor(next.pid);
  return next.pid;
}

async function launch(all: readonly Estate[]): Promise<Candidate> {
  const sockets = all.flatMap(({ name, listeners }) => listeners.map((listener) => ({ name, listener })));
  const bequest: Bequest = {
    predecessor: process.pid,
    arbiters: all.length,
    tickets: hasTicketKeys(),
    sockets: sockets.map(({ name, listener: { bind, address, foreign } }, index) => {
      const path = typeof address === 'string' && !foreign ? { path: address } : {};
      return { name, bind, fd: FIRST_SOCKET_FD + index, foreign, ...path };
    }),
  };
  const { WATCHDOG_PID: watched, ...env } = envFiles.withhold(process.env);
  const { flags } = splitEnvFiles(process.execArgv, origin.folder);
  const cwd = placeOf(origin.command[1]);
  const child = spawnChild(process.execPath, [...flags, ...envFiles.flags, ...origin.command.slice(1)], {
    cwd,
    env: {
      ...env,
      // The service manager wants signs of life from the one process, and it is to be the other one now.
      ...(watched !== undefined && watched !== String(process.pid) && { WATCHDOG_PID: watched }),
      [HERITAGE_VARIABLE]: JSON.stringify(bequest),
    },
    stdio: ['inherit', 'inherit', 'inherit', 'pipe', ...sockets.map(({ listener }) => listener.fd)],
  });
  const { pid } = child;
  if (pid === undefined) {
    const [cause] = (await once(child, 'error')) as [Error];
    throw failure(`it could not be started in ${cwd}: ${cause.message}`, cause);
  }
  // Of a signal that may not be sent to it, the deadline tells.
  child.on('error', () => undefined);
  const line = child.stdio[LINE_FD] as Duplex;
  line.on('error', () => undefined);
  // Why it fails it says there.
  readToTheEnd(line);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // At once: this process may be told to stop in the very turn that asks for the upgrade.
  candidate = { pid, child, line, ended, left: new Set(), abandon: new AbortController() };
  return candidate;
}

function placeOf(script: string | undefined): string {
  try {
    return startFolder(origin.folder, script);
  } catch (error) {
    throw failure((error as Error).message, error as Error);
  }
}

/** Resolves when the successor serves all that this process does. */
function allServed(
  { child, line, left, abandon }: Candidate,
  duties: readonly string[],
  limit: number | undefined,
): Promise<void> {
  const missing = [...duties];
  let timer: NodeJS.Timeout | undefined;
  let broken: NodeJS.Timeout | undefined;
  const all = new Promise<void>((resolve, reject) => {
    const fail = (why: string): void => reject(failure(why));
    const giveUp = (): void => reject(abandoned());
    if (limit !== undefined) {
      timer = setTimeout(() => fail(`it did not serve ${missing.join(', ')} within ${limit} ms`), asDelay(limit));
    }
    // Not 'exit': it may have said why.
    child.once('close', (code, signal) => {
      fail(`it ended with ${signal ?? `exit code ${code}`} before it served ${missing.join(', ')}`);
    });
    // Neither hears the other any more. Where that is because it has ended, its end tells more.
    line.once('close', () => {
      broken = setTimeout(() => fail(`the line to it broke before it served ${missing.join(', ')}`), LAST_WORDS);
    });
    if (abandon.signal.aborted) giveUp();
    else abandon.signal.addEventListener('abort', giveUp);
    readLines(line, (text) => {
      const { serves, fails, leaves, tickets } = newsIn(text);
      if (tickets !== undefined) hearTicketKeys(tickets);
      if (leaves !== undefined) left.add(leaves);
      if (fails !== undefined) fail(fails);
      const index = missing.indexOf(serves ?? '');
      if (index !== -1) missing.splice(index, 1);
      if (missing.length === 0) resolve();
    });
  });
  return all.finally(() => {
    clearTimeout(timer);
    clearTimeout(broken);
  });
}

/** Its own guard ends its workers, if it does not. Resolves when it has ended. */
async function dismiss({ child, ended }: Candidate, limit: number): Promise<void> {
  if (hasEnded(child)) return;
  insist(child, 'SIGTERM');
  const timer = setTimeout(() => insist(child, 'SIGKILL'), asDelay(limit));
  await ended;
  clearTimeout(timer);
}

function failure(why: string, cause?: Error): ArbiterError {
  return new ArbiterError('ERR_UPGRADE_FAILED', `the upgrade failed, and this process serves on: ${why}`, { cause });
}

/** This process does not serve on: there was nothing wrong with the other one. */
function abandoned(): ArbiterError {
  return new ArbiterError('ERR_UPGRADE_FAILED', 'the upgrade was given up: this process was told to stop meanwhile');
}

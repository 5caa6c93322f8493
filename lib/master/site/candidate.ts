/*
 * The new process of an upgrade, as the old one sees it: how it is started, waited for, and ended if it is not wanted.
 */
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
import {
  type Bequest,
  FIRST_SOCKET_FD,
  HERITAGE_VARIABLE,
  Left,
  LINE_FD,
  type News,
  newsIn,
  newsLine,
} from '../sockets/heritage.js';
import type { Listener } from '../sockets/listener.js';
import { type EndStage, isHarder } from '../workers/end-stage.js';
import { hasTicketKeys, hearTicketKeys } from '../workers/ticket-keys.js';
import type { Estate } from './estates.js';
import { origin } from './origin.js';
import { startFolder } from './start-folder.js';

/**
 * How long the new process may take to load the host's script and to bind, beyond the boot of its workers.
 * Milliseconds.
 */
const HOST_BOOT: number = pace('hostBoot', 30_000);
/** How long a process that is not wanted may take to end, beyond what its clients may take. Milliseconds. */
const FAREWELL = 5_000;
/** How long after the end of its line the end of the process may come. Milliseconds. */
const LAST_WORDS = 1_000;

/** How it is told to end. */
const SIGNALS: Readonly<Record<EndStage, NodeJS.Signals>> = { drain: 'SIGTERM', quit: 'SIGINT', kill: 'SIGKILL' };

/**
 * A process that is to serve what these Arbiters do, from its start to its end. It is a candidate until it serves, and
 * then the successor of this process.
 */
export class Candidate {
  readonly #left = new Left();
  readonly ended: Promise<void>;
  /** The Arbiters of this process that it is to take over from. */
  readonly #succeeded: readonly Estate[];
  /** The sockets that it was handed, and their descriptors there. */
  readonly #sockets: ReadonlyMap<Listener, number>;
  readonly #cwd: string;
  readonly #child: Child;
  readonly #line: Duplex;
  #serves = false;
  #giveUp: (why: ArbiterError) => void = () => undefined;
  #stage: EndStage | undefined;
  #patience: NodeJS.Timeout | undefined;

  /** Starts the command of this process again, with the sockets of these Arbiters. */
  constructor(succeeded: readonly Estate[]) {
    this.#succeeded = succeeded;
    const handed = succeeded.flatMap(({ listeners }) => listeners);
    this.#sockets = new Map(handed.map((listener, index) => [listener, FIRST_SOCKET_FD + index]));
    this.#cwd = placeOf(origin.command[1]);
    this.#child = launch(succeeded, this.#cwd);
    this.#line = this.#child.stdio[LINE_FD] as Duplex;
    this.ended = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    if (this.#child.pid === undefined) return;
    // Also emitted when a signal could not be sent to it: then the deadline tells.
    this.#child.on('error', () => undefined);
    this.#line.on('error', () => undefined);
    // On the line it says why it fails.
    readToTheEnd(this.#line);
  }

  /** Undefined if it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whether it is to serve what this Arbiter does. */
  succeeds(estate: Estate): boolean {
    return this.#succeeded.includes(estate);
  }

  /** Whether it was handed this socket, and has not said that it is about to give it up. */
  keeps(listener: Listener): boolean {
    const socket = this.#sockets.get(listener);
    return socket !== undefined && !this.#left.has(listener.bind, socket);
  }

  /** Tells it that this process is about to give up a socket, if it was handed that. */
  tellLeft(listener: Listener): void {
    const socket = this.#sockets.get(listener);
    if (socket !== undefined) this.tell({ leaves: listener.bind, socket });
  }

  tell(news: Partial<News>): void {
    system.write(this.#line, newsLine(news));
  }

  /** Calls back when the line has closed, so that it hears nothing any more. */
  onDeaf(act: () => void): void {
    this.#line.once('close', act);
  }

  /** Resolves when it serves all that it is to. Rejects when it fails, ends, or takes too long. */
  async served(): Promise<void> {
    const [child, line] = [this.#child, this.#line];
    if (child.pid === undefined) {
      const [cause] = (await once(child, 'error')) as [Error];
      throw failure(`it could not be started in ${this.#cwd}: ${cause.message}`, cause);
    }
    const missing = this.#succeeded.flatMap(dutiesOf);
    const limit = bootLimit(this.#succeeded);
    let timer: NodeJS.Timeout | undefined;
    let broken: NodeJS.Timeout | undefined;
    const all = new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => reject(failure(why));
      this.#giveUp = reject;
      if (limit !== undefined) {
        timer = setTimeout(() => fail(`it did not serve ${missing.join(', ')} within ${limit} ms`), asDelay(limit));
      }
      // Not 'exit': its last words on the line, which may say why, have been read when 'close' comes.
      child.once('close', (code, signal) => {
        fail(`it ended with ${signal ?? `exit code ${code}`} before it served ${missing.join(', ')}`);
      });
      // The line is broken. If that is because the process has ended, its end tells more, so that is waited for.
      line.once('close', () => {
        broken = setTimeout(() => fail(`the line to it broke before it served ${missing.join(', ')}`), LAST_WORDS);
      });
      readLines(line, (text) => {
        const news = newsIn(text);
        const { serves, fails, tickets } = news;
        this.#left.hear(news);
        if (tickets !== undefined) hearTicketKeys(tickets);
        if (fails !== undefined) fail(fails);
        const index = missing.indexOf(serves ?? '');
        if (index !== -1) missing.splice(index, 1);
        if (missing.length === 0) resolve();
      });
    });
    try {
      await all;
      this.#serves = true;
    } finally {
      clearTimeout(timer);
      clearTimeout(broken);
    }
  }

  /** Gives it up and has it end, unless it serves by now. */
  abandon(why: ArbiterError, stage: EndStage): void {
    if (this.#serves) return;
    this.#giveUp(why);
    void this.dismiss(stage);
  }

  /**
   * Tells it to end, or to end faster. If it does not end its workers, its own guard does. Resolves when it has ended.
   */
  async dismiss(stage: EndStage): Promise<void> {
    if (hasEnded(this.#child)) return;
    if (isHarder(stage, this.#stage)) {
      this.#stage = stage;
      clearTimeout(this.#patience);
      insist(this.#child, SIGNALS[stage]);
      const limit = FAREWELL + (stage === 'drain' ? drainLimit(this.#succeeded) : 0);
      this.#patience = setTimeout(() => insist(this.#child, 'SIGKILL'), asDelay(limit));
    }
    await this.ended;
    clearTimeout(this.#patience);
  }

  /** Tells it to end, where nothing can be waited for: the host is exiting. */
  dismissNow(): void {
    insist(this.#child, 'SIGTERM');
  }

  /** Neither the process nor its line keeps this process alive any more. */
  letGo(): void {
    this.#child.unref();
    (this.#line as unknown as { unref(): void }).unref();
  }

  /** Ends the line, which tells it that it is alone from now on. */
  leave(): void {
    this.#line.end();
  }
}

/**
 * The duties of an Arbiter: what it is to serve, by the names that both processes use. These are its addresses, or its
 * own name if it has none.
 */
export function dutiesOf({ name, listeners }: Pick<Estate, 'name' | 'listeners'>): string[] {
  return listeners.length === 0 ? [name] : listeners.map(({ bind }) => bind);
}

/**
 * How long the new process may take until it serves, milliseconds: as long as the Arbiter that may take the longest.
 * Undefined for no limit, which is what a `bootTimeout` of 0 means.
 */
function bootLimit(succeeded: readonly Estate[]): number | undefined {
  const limits = succeeded.map(({ limits: { clocks } }) => clocks.bootTimeout);
  return limits.includes(0) ? undefined : Math.max(...limits) + HOST_BOOT;
}

function drainLimit(succeeded: readonly Estate[]): number {
  return Math.max(...succeeded.map(({ limits: { drainDelay, gracefulTimeout } }) => drainDelay + gracefulTimeout));
}

function launch(succeeded: readonly Estate[], cwd: string): Child {
  const sockets = succeeded.flatMap(({ name, listeners }) => listeners.map((listener) => ({ name, listener })));
  const bequest: Bequest = {
    predecessor: process.pid,
    arbiters: succeeded.length,
    tickets: hasTicketKeys(),
    duties: succeeded.flatMap(dutiesOf),
    sockets: sockets.map(({ name, listener: { bind, address, foreign } }, index) => {
      const path = typeof address === 'string' && !foreign ? { path: address } : {};
      return { name, bind, fd: FIRST_SOCKET_FD + index, foreign, ...path };
    }),
  };
  const { WATCHDOG_PID: watched, ...env } = envFiles.withhold(process.env);
  const { flags } = splitEnvFiles(process.execArgv, origin.folder);
  return spawnChild(process.execPath, [...flags, ...envFiles.flags, ...origin.command.slice(1)], {
    cwd,
    env: {
      ...env,
      // The variable names the process that the service manager expects signs of life from. If that is this one, it is
      // not passed on: it is to be the new process now.
      ...(watched !== undefined && watched !== String(process.pid) && { WATCHDOG_PID: watched }),
      [HERITAGE_VARIABLE]: JSON.stringify(bequest),
    },
    stdio: ['inherit', 'inherit', 'inherit', 'pipe', ...sockets.map(({ listener }) => listener.fd)],
  });
}

function placeOf(script: string | undefined): string {
  try {
    return startFolder(origin.folder, script);
  } catch (error) {
    throw failure((error as Error).message, error as Error);
  }
}

export function failure(why: string, cause?: Error): ArbiterError {
  return new ArbiterError('ERR_UPGRADE_FAILED', `the upgrade failed, and this process serves on: ${why}`, { cause });
}

/* The other process of an upgrade, as this one sees it: how it is started, waited for, and ended if it is not wanted. */
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

/** How long binding and loading the host's own script may take beyond the boot of the workers. Milliseconds. */
const HOST_BOOT: number = pace('hostBoot', 30_000);
/** How long a successor that is not wanted may take to end, beyond what its clients may take. Milliseconds. */
const FAREWELL = 5_000;
/** How long its end may come behind that of its line. Milliseconds. */
const LAST_WORDS = 1_000;

/** How it is told to end. */
const SIGNALS: Readonly<Record<EndStage, NodeJS.Signals>> = { drain: 'SIGTERM', quit: 'SIGINT', kill: 'SIGKILL' };

/** A process that is to serve what these Arbiters do, from its start to its end. */
export class Candidate {
  /** What it is about to give up. */
  readonly left: Set<string> = new Set();
  readonly ended: Promise<void>;
  readonly #heirs: readonly Estate[];
  readonly #listeners: ReadonlySet<Listener>;
  readonly #cwd: string;
  readonly #child: Child;
  readonly #line: Duplex;
  #serves = false;
  #giveUp: (why: ArbiterError) => void = () => undefined;
  #stage: EndStage | undefined;
  #patience: NodeJS.Timeout | undefined;

  /** Starts the command of this process again, with the sockets of these Arbiters. */
  constructor(heirs: readonly Estate[]) {
    this.#heirs = heirs;
    this.#listeners = new Set(heirs.flatMap(({ listeners }) => listeners));
    this.#cwd = placeOf(origin.command[1]);
    this.#child = launch(heirs, this.#cwd);
    this.#line = this.#child.stdio[LINE_FD] as Duplex;
    this.ended = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    if (this.#child.pid === undefined) return;
    // Of a signal that may not be sent to it, the deadline tells.
    this.#child.on('error', () => undefined);
    this.#line.on('error', () => undefined);
    // Why it fails it says there.
    readToTheEnd(this.#line);
  }

  /** Undefined where it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whether this Arbiter is one of those that it is to serve. */
  succeeds(estate: Estate): boolean {
    return this.#heirs.includes(estate);
  }

  /** Whether it has got this socket. */
  has(listener: Listener): boolean {
    return this.#listeners.has(listener);
  }

  tell(news: Partial<News>): void {
    system.write(this.#line, newsLine(news));
  }

  /** Calls back when it does not hear any more. */
  onDeaf(act: () => void): void {
    this.#line.once('close', act);
  }

  /** Resolves when it serves all that it is to. */
  async served(): Promise<void> {
    const [child, line] = [this.#child, this.#line];
    if (child.pid === undefined) {
      const [cause] = (await once(child, 'error')) as [Error];
      throw failure(`it could not be started in ${this.#cwd}: ${cause.message}`, cause);
    }
    const missing = this.#heirs.flatMap(dutiesOf);
    const limit = bootLimit(this.#heirs);
    let timer: NodeJS.Timeout | undefined;
    let broken: NodeJS.Timeout | undefined;
    const all = new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => reject(failure(why));
      this.#giveUp = reject;
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
      readLines(line, (text) => {
        const { serves, fails, leaves, tickets } = newsIn(text);
        if (tickets !== undefined) hearTicketKeys(tickets);
        if (leaves !== undefined) this.left.add(leaves);
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

  /** It is not wanted any more, unless it serves by now. */
  abandon(why: ArbiterError, stage: EndStage): void {
    if (this.#serves) return;
    this.#giveUp(why);
    void this.dismiss(stage);
  }

  /** Has it end, or hurries it up. Its own guard ends its workers, if it does not. Resolves when it has ended. */
  async dismiss(stage: EndStage): Promise<void> {
    if (hasEnded(this.#child)) return;
    if (isHarder(stage, this.#stage)) {
      this.#stage = stage;
      clearTimeout(this.#patience);
      insist(this.#child, SIGNALS[stage]);
      const limit = FAREWELL + (stage === 'drain' ? drainLimit(this.#heirs) : 0);
      this.#patience = setTimeout(() => insist(this.#child, 'SIGKILL'), asDelay(limit));
    }
    await this.ended;
    clearTimeout(this.#patience);
  }

  /** The same where there is no time left. */
  dismissNow(): void {
    insist(this.#child, 'SIGTERM');
  }

  /** This process need not live for it, nor be told when there is nothing more to hear. */
  letGo(): void {
    this.#child.unref();
    (this.#line as unknown as { unref(): void }).unref();
  }

  /** Tells it that it is alone from now on. */
  leave(): void {
    this.#line.end();
  }
}

/** What an Arbiter has to have begun to serve, as the processes call it towards each other. */
export function dutiesOf({ name, listeners }: Pick<Estate, 'name' | 'listeners'>): string[] {
  return listeners.length === 0 ? [name] : listeners.map(({ bind }) => bind);
}

/** How long all may take until they serve: as long as that one which may take the longest. 0 is no limit. */
function bootLimit(heirs: readonly Estate[]): number | undefined {
  const limits = heirs.map(({ limits: { clocks } }) => clocks.bootTimeout);
  return limits.includes(0) ? undefined : Math.max(...limits) + HOST_BOOT;
}

function drainLimit(heirs: readonly Estate[]): number {
  return Math.max(...heirs.map(({ limits: { drainDelay, gracefulTimeout } }) => drainDelay + gracefulTimeout));
}

function launch(heirs: readonly Estate[], cwd: string): Child {
  const sockets = heirs.flatMap(({ name, listeners }) => listeners.map((listener) => ({ name, listener })));
  const bequest: Bequest = {
    predecessor: process.pid,
    arbiters: heirs.length,
    tickets: hasTicketKeys(),
    duties: heirs.flatMap(dutiesOf),
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
      // The service manager wants signs of life from the one process, and it is to be the other one now.
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

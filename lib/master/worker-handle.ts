import type { Duplex } from 'node:stream';
import { debugWorker } from '../debug.js';
import type { ArbiterError } from '../errors.js';
import { monotonic } from '../monotonic.js';
import { encodeTls, FD, parseMessage, type RecycleCause, type WorkerMessage } from '../protocol.js';
import { type Child, hasEnded, insist, signalChild } from '../system/child.js';
import { system } from '../system/system.js';
import { figuresOf } from '../system/thread-figures.js';
import { countdown } from './countdown.js';
import { openFatalReport } from './fatal-report.js';
import { type Launch, spawnWorker } from './launch.js';
import { readLines } from './read-lines.js';
import { ENDS, unsignalled } from './trouble.js';

/** A worker as listeners see it: a snapshot that keeps its values. */
export interface WorkerInfo {
  /** The stable slot, 1..n; a replacement has the id of its predecessor. */
  readonly id: number;
  /** Undefined when the process could not be spawned. */
  readonly pid: number | undefined;
  /** Counts all workers ever spawned, never reused; a lower one is older. */
  readonly age: number;
  /** Counts the reloads, from 1. */
  readonly generation: number;
  readonly state: WorkerState;
  /** Milliseconds since the epoch. */
  readonly spawnedAt: number;
  /** Milliseconds since the epoch; undefined before it is ready. */
  readonly readyAt: number | undefined;
}

/** `booting` until it serves, `draining` from the order to end until it has. */
export type WorkerState = 'booting' | 'ready' | 'draining' | 'exited';

/**
 * Why a worker ended. `stop`: it was told to, by the arbiter's stop or by somebody else's TERM or QUIT; `scale`: there
 * were too many; `reload`: a new generation replaced it, or it was of one that was rolled back; `recycle`: it had reached `maxRequests` or `maxMemory`, and its replacement was ready; `boot`: it failed
 * before it was ready; `timeout`: a clock ran out; `crash`: anything else.
 */
export type ExitReason = 'stop' | 'scale' | 'reload' | 'recycle' | 'timeout' | 'crash' | 'boot';

/** Why the master tells a worker to end. */
export type LeaveReason = Extract<ExitReason, 'stop' | 'scale' | 'reload' | 'recycle'>;

/** How hard a worker is told to end: finish the request, exit at once, or be killed. */
export type EndStage = 'drain' | 'quit' | 'kill';
const STAGE_SIGNAL: Readonly<Record<EndStage, NodeJS.Signals>> = { drain: 'SIGTERM', quit: 'SIGQUIT', kill: 'SIGKILL' };

export function isHarder(stage: EndStage, than: EndStage | undefined): boolean {
  const order = Object.keys(STAGE_SIGNAL);
  return than === undefined || order.indexOf(stage) > order.indexOf(than);
}

/** What reaches the master's queue from a worker process. */
export type WorkerTurn =
  | { readonly type: 'message'; readonly worker: WorkerHandle; readonly message: WorkerMessage }
  | {
      readonly type: 'exit';
      readonly worker: WorkerHandle;
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
      readonly error?: Error;
    }
  | { readonly type: 'overdue'; readonly worker: WorkerHandle }
  /** The system would not do something for the master. */
  | { readonly type: 'trouble'; readonly error: ArbiterError }
  /** It is time to look after all of them. */
  | { readonly type: 'tick' };

/** How long a worker that has told of its own timeout may take to end. Milliseconds. */
const LAST_ANSWERS = 2_000;

/** After the exit, the rest of the control pipe is waited for; a grandchild might hold it open. Milliseconds. */
const LAST_WORDS = 250;

/** What the master thinks of it, and it does not know. */
export interface Standing {
  /** In a slot, one of a later term takes over from one of an earlier. */
  readonly term: number;
  /** How long it must have been ready until it may take another's place, milliseconds. */
  readonly probation: number;
}

/** The parent's side of one worker process. It reports to the queue and decides nothing. */
export class WorkerHandle {
  readonly id: number;
  readonly age: number;
  readonly generation: number;
  /** See the roster. */
  readonly term: number;
  readonly slot: number;
  readonly pid: number | undefined;
  /** The failure that ended its boot, once that is known. */
  failure: Error | undefined;
  /** The last error that it has told of. */
  lastError: Error | undefined;
  #timedOut = false;
  #overdue = false;
  #leavingFor: LeaveReason | undefined;
  #due = false;
  readonly #probation: number;
  readonly #spawnedAt: number = Date.now();
  readonly #spawnedTick: number = performance.now();
  #readyAt: number | undefined;
  #readyTick: number | undefined;
  #exited = false;
  readonly #fatal = openFatalReport();
  readonly #child: Child;
  readonly #enqueue: (turn: WorkerTurn) => void;
  #stopBootClock: (() => void) | undefined;
  #stopKillClock: (() => void) | undefined;
  #killAt = Number.POSITIVE_INFINITY;

  constructor(launch: Launch, { term, probation }: Standing, enqueue: (turn: WorkerTurn) => void) {
    const { spec } = launch;
    this.id = spec.id;
    this.age = spec.age;
    this.slot = spec.slot;
    this.generation = spec.generation;
    this.term = term;
    this.#probation = probation;
    this.#enqueue = enqueue;
    this.#child = spawnWorker(launch, this.#fatal.fd);
    this.pid = this.#child.pid;
    debugWorker('#%d age %d spawned as %o', this.id, this.age, this.pid);
    this.#listen(enqueue);
    this.#sendTls(launch);
    if (launch.bootLimit > 0) {
      const left = Math.max(0, spec.spawnedAt + launch.bootLimit - monotonic());
      const waited = (): number => (this.pid === undefined ? 0 : figuresOf(this.pid).waited);
      this.#stopBootClock = countdown(left, () => enqueue({ type: 'overdue', worker: this }), waited);
    }
  }

  get leaving(): boolean {
    return this.#leavingFor !== undefined;
  }

  /** Why it was told to end, if it was. */
  get leavingFor(): LeaveReason | undefined {
    return this.#leavingFor;
  }

  /** Whether it has asked to be recycled. */
  get due(): boolean {
    return this.#due;
  }

  get ready(): boolean {
    return this.#readyAt !== undefined;
  }

  /** Whether its process has ended; its last words may still be on their way. */
  get exited(): boolean {
    return hasEnded(this.#child);
  }

  /** Whether it was killed because it had not drained in time. */
  get overdue(): boolean {
    return this.#overdue;
  }

  /** Whether a clock of it ran out. */
  get timedOut(): boolean {
    return this.#timedOut;
  }

  /** How long it has been spawned, and how long ready, milliseconds of the monotonic clock. */
  get lived(): number {
    return performance.now() - this.#spawnedTick;
  }

  get readySince(): number | undefined {
    return this.#readyTick;
  }

  get provenAt(): number | undefined {
    return this.#readyTick === undefined ? undefined : this.#readyTick + this.#probation;
  }

  get served(): number {
    return this.#readyTick === undefined ? 0 : performance.now() - this.#readyTick;
  }

  info(): WorkerInfo {
    return Object.freeze({
      id: this.id,
      pid: this.pid,
      age: this.age,
      generation: this.generation,
      state: this.#state(),
      spawnedAt: this.#spawnedAt,
      readyAt: this.#readyAt,
    });
  }

  markReady(): void {
    this.#readyAt = Date.now();
    this.#readyTick = performance.now();
    this.#stopBootClock?.();
  }

  markDue(why: RecycleCause): void {
    debugWorker('#%d age %d asks to be recycled: %s', this.id, this.age, why);
    this.#due = true;
  }

  /** Tells the worker to end, and kills it when it has not by the limit, milliseconds. The first reason stays. */
  end(reason: LeaveReason, stage: EndStage, limit: number): void {
    this.#leavingFor ??= reason;
    // Before it is ready, a QUIT would leave a core file and nothing is under way: there it is a kill.
    // One that has reported its failure is on its way out.
    if (this.failure === undefined) this.signal(stage === 'quit' && !this.ready ? 'SIGKILL' : STAGE_SIGNAL[stage]);
    this.#killWithin(limit, () => {
      this.#overdue = stage === 'drain';
    });
  }

  /** A clock of it ran out: it ends by itself, with its clients' answers, or is killed. */
  timeOut(): void {
    this.#timedOut = true;
    this.#killWithin(LAST_ANSWERS);
  }

  signal(name: NodeJS.Signals): void {
    if (this.pid === undefined) return;
    if (!ENDS.has(name)) signalChild(this.#child, name);
    else insist(this.#child, name, (cause) => this.#enqueue({ type: 'trouble', error: unsignalled(this, cause) }));
  }

  #killWithin(limit: number, onKill?: () => void): void {
    // Never later than it was to be before.
    const at = performance.now() + limit;
    if (at >= this.#killAt) return;
    this.#killAt = at;
    this.#stopKillClock?.();
    this.#stopKillClock = countdown(limit, () => {
      onKill?.();
      this.signal('SIGKILL');
    });
  }

  #sendTls({ tls }: Launch): void {
    const control = this.#child.stdio[FD.CONTROL] as Duplex | undefined;
    if (tls === undefined || control === undefined) return;
    try {
      system.write(control, encodeTls(tls));
    } catch (error) {
      // Without them it cannot boot: as if the pipe had failed.
      control.destroy(error as Error);
    }
  }

  #state(): WorkerState {
    if (this.#exited) return 'exited';
    if (this.leaving) return 'draining';
    return this.ready ? 'ready' : 'booting';
  }

  #listen(enqueue: (turn: WorkerTurn) => void): void {
    const child = this.#child;
    let reported = false;
    const report = (code: number | null, signal: NodeJS.Signals | null, error?: Error): void => {
      if (reported) return;
      reported = true;
      this.#exited = true;
      this.#stopBootClock?.();
      this.#stopKillClock?.();
      child.stdio[FD.CONTROL]?.destroy();
      debugWorker('#%d age %d ended: code %o, signal %o', this.id, this.age, code, signal);
      const fatal = this.#fatal.take(this.id);
      if (fatal) {
        const cause = this.ready ? ({ type: 'error' } as const) : ({ type: 'failed', phase: 'boot' } as const);
        enqueue({ type: 'message', worker: this, message: { ...cause, error: fatal } });
      }
      enqueue({ type: 'exit', worker: this, code, signal, ...(error && { error }) });
    };
    child.on('error', (error) => {
      if (this.pid === undefined) report(null, null, error);
    });
    // 'close' comes when the pipe is read to its end too, so that the worker's last words come first.
    child.on('close', report);
    child.on('exit', (code, signal) => setTimeout(report, LAST_WORDS, code, signal).unref());
    const control = child.stdio[FD.CONTROL] as Duplex | null | undefined;
    control?.on('error', () => undefined);
    if (control)
      readLines(control, (line) => {
        const message = parseMessage(line);
        if (message) enqueue({ type: 'message', worker: this, message });
        else debugWorker('#%d wrote a line that is no message: %s', this.id, line.slice(0, 80));
      });
  }
}

/*
 * One worker process, as the master sees it: how it is started, given orders, limited in time and ended. Why it lives
 * is the business of the crew.
 */

import { debugWorker } from '../../debug.js';
import type { ArbiterError } from '../../errors.js';
import type { Letter } from '../../protocol/mail.js';
import type { RecycleCause, WorkerMessage } from '../../protocol/messages.js';
import type { Order } from '../../protocol/orders.js';
import { type Child, hasEnded, insist, signalChild } from '../../system/child.js';
import { ENDS, unsignalled } from '../common/trouble.js';
import { Control } from './control.js';
import type { EndStage } from './end-stage.js';
import { Family } from './family.js';
import { type FatalWords, openFatalReport } from './fatal-report.js';
import { Inquiry } from './inquiry.js';
import { type Launch, spawnWorker } from './launch.js';
import { Limits } from './limits.js';
import type { OnSettled } from './outbox.js';
import { type Standing, Tenure } from './tenure.js';
import type { Wish } from './wish.js';
import type { LeaveReason, WorkerInfo, WorkerState } from './worker-info.js';

/** What a worker process puts into the master's queue. */
export type WorkerTurn =
  | { readonly type: 'message'; readonly worker: WorkerHandle; readonly message: WorkerMessage }
  | {
      readonly type: 'exit';
      readonly worker: WorkerHandle;
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
      readonly error?: Error;
      /** What V8, or Node, said when it ended the process. */
      readonly fatal?: FatalWords;
    }
  | { readonly type: 'overdue'; readonly worker: WorkerHandle }
  /** The system refused something to the master. */
  | { readonly type: 'trouble'; readonly error: ArbiterError }
  /** It is time to look after all workers. */
  | { readonly type: 'tick' };

/** How long a worker that has reported its own timeout may take to end. Milliseconds. */
const LAST_ANSWERS = 2_000;

/**
 * How long a worker that is told to end before it is ready may take. If it takes longer, its event loop stands still.
 * Milliseconds.
 */
const BLOCKED_BOOT = 1_000;

/**
 * How long after the exit to wait for the rest of the control pipe, which a grandchild might hold open. Milliseconds.
 */
const LAST_WORDS = 250;

/** The parent's side of one worker process. It reports to the queue and decides nothing. */
export class WorkerHandle extends Tenure {
  readonly age: number;
  readonly generation: number;
  readonly slot: number;
  readonly pid: number | undefined;
  readonly family: Family;
  /** The failure that ended its boot, once that is known. */
  failure: Error | undefined;
  /** Set when somebody wants another worker in its place, see `restart`. */
  wish: Wish | undefined;
  /** Whether somebody else has told it to end, and the master has told it nothing. */
  dismissed = false;
  /** The last error that it has reported. */
  lastError: Error | undefined;
  #timedOut = false;
  #overdue = false;
  #leavingFor: LeaveReason | undefined;
  #due = false;
  readonly #bootLimit: number;
  #exited = false;
  readonly #fatal = openFatalReport();
  readonly #enqueue: (turn: WorkerTurn) => void;
  readonly #child: Child;
  readonly control: Control;
  readonly #limits = new Limits();
  /** Asks it what it is doing. */
  readonly inquiry: Inquiry;

  constructor(launch: Launch, standing: Standing, enqueue: (turn: WorkerTurn) => void) {
    const { spec } = launch;
    super(spec.id, standing, spec.spawnedAt);
    this.age = spec.age;
    this.slot = spec.slot;
    this.generation = spec.generation;
    this.#bootLimit = launch.bootLimit;
    this.#enqueue = enqueue;
    this.#child = spawnWorker(launch, this.#fatal.fd);
    this.family = new Family(this.#child);
    this.control = new Control(this.#child);
    this.inquiry = new Inquiry({ order: (ask) => this.control.ask(ask), board: launch.ask });
    this.pid = this.#child.pid;
    debugWorker('#%d age %d spawned as %o', this.id, this.age, this.pid);
    this.#listen(enqueue);
    if (launch.tls !== undefined) this.control.sendTls(launch.tls, launch.tickets);
    if (launch.bootLimit > 0) this.#countBoot(Math.max(0, launch.bootLimit - this.lived));
  }

  get leaving(): boolean {
    return this.#leavingFor !== undefined;
  }

  /** Why it was told to end, if it was. */
  get leavingFor(): LeaveReason | undefined {
    return this.#leavingFor;
  }

  /** Whether it is to be recycled: it has asked for that, or somebody else has. */
  get due(): boolean {
    return this.#due || this.unwanted;
  }

  get unwanted(): boolean {
    return this.wish !== undefined;
  }

  /** Whether its process has ended; its last words may still be on their way. */
  get exited(): boolean {
    return hasEnded(this.#child);
  }

  /** Whether it was killed because it had not drained in time. */
  get overdue(): boolean {
    return this.#overdue;
  }

  /** Whether one of its clocks ran out. */
  get timedOut(): boolean {
    return this.#timedOut;
  }

  info(): WorkerInfo {
    return Object.freeze({
      id: this.id,
      pid: this.pid,
      age: this.age,
      generation: this.generation,
      state: this.#state(),
      spawnedAt: this.spawnedAt,
      readyAt: this.readyAt,
    });
  }

  override markReady(since?: number): void {
    super.markReady(since);
    this.#limits.booted();
    this.control.open();
  }

  override markBooted(): void {
    super.markBooted();
    this.#limits.booted();
    this.control.open();
  }

  /** Sends a message to its application, see {@link Control.post}. */
  post(letter: Letter, onSettled: OnSettled): boolean {
    return this.control.post(letter, onSettled);
  }

  /** A spare takes a slot. From now on it has as long to be ready as a worker that boots. */
  take(id: number, standing: Standing): void {
    this.enter(id, standing);
    // A spare that cannot be told is of no use.
    if (!this.control.serve(id)) this.signal('SIGKILL');
    if (this.#bootLimit > 0) this.#countBoot(this.#bootLimit);
  }

  markDue(why: RecycleCause): void {
    debugWorker('#%d age %d asks to be recycled: %s', this.id, this.age, why);
    this.#due = true;
  }

  /**
   * Tells the worker to end, and kills it when it has not ended within `limit` milliseconds. The first reason stays.
   */
  end(reason: LeaveReason, stage: EndStage, limit: number): void {
    this.dismissed = false;
    this.leave(reason, stage, limit);
    // A worker that has reported its failure is on its way out.
    if (this.failure !== undefined) return;
    // Before it is ready, nothing is in flight.
    if (stage === 'kill' || (stage === 'quit' && !this.ready)) this.signal('SIGKILL');
    else this.order(stage);
  }

  /** Notes that the worker is to end, and limits how long it may take. The order to end comes later. */
  leave(reason: LeaveReason, stage: EndStage, limit: number): void {
    this.#leavingFor ??= reason;
    this.#killWithin(limit, () => {
      this.#overdue = stage === 'drain';
    });
    if (stage === 'drain') this.#limits.askBefore(limit, () => void this.inquiry.ask());
  }

  /** Sends an order on the control pipe. */
  order(order: Order): void {
    // If the pipe fails, TERM is all that the worker would still notice.
    if (!this.control.order(order)) this.signal('SIGTERM');
    if (order === 'drain' && !this.ready) this.#countBoot(BLOCKED_BOOT);
  }

  /**
   * The files of the logs have been moved away. The signal would end a worker that has not booted, so that one is told
   * by the pipe only.
   */
  reopenLogs(signal: NodeJS.Signals): void {
    this.control.reopen();
    if (this.booted) this.signal(signal);
  }

  /** One of its clocks ran out. It ends by itself, after it has answered its clients, or is killed. */
  timeOut(): void {
    this.#timedOut = true;
    this.#killWithin(LAST_ANSWERS);
  }

  /** SIGKILL is for everything that the worker has started, too; any other signal is for the worker alone. */
  signal(name: NodeJS.Signals): void {
    if (this.pid === undefined) return;
    if (name === 'SIGKILL') this.family.kill();
    if (!ENDS.has(name)) signalChild(this.#child, name);
    else insist(this.#child, name, (cause) => this.#enqueue({ type: 'trouble', error: unsignalled(this, cause) }));
  }

  #countBoot(limit: number): void {
    this.#limits.countBoot(limit, this.pid, () => this.#enqueue({ type: 'overdue', worker: this }));
  }

  #killWithin(limit: number, onKill?: () => void): void {
    this.#limits.killWithin(limit, () => {
      onKill?.();
      this.signal('SIGKILL');
    });
  }

  #state(): WorkerState {
    if (this.#exited) return 'exited';
    if (this.leaving) return 'draining';
    if (this.ready) return 'ready';
    return this.spare && this.booted ? 'spare' : 'booting';
  }

  #listen(enqueue: (turn: WorkerTurn) => void): void {
    const child = this.#child;
    let reported = false;
    let lastWords: NodeJS.Timeout | undefined;
    const report = (code: number | null, signal: NodeJS.Signals | null, error?: Error): void => {
      if (reported) return;
      reported = true;
      clearTimeout(lastWords);
      this.#exited = true;
      this.#limits.clear();
      this.inquiry.close();
      this.control.close();
      debugWorker('#%d age %d ended: code %o, signal %o', this.id, this.age, code, signal);
      const fatal = this.#fatal.take(this.id);
      enqueue({ type: 'exit', worker: this, code, signal, ...(error && { error }), ...(fatal && { fatal }) });
    };
    child.on('error', (error) => {
      if (this.pid === undefined) report(null, null, error);
    });
    // 'close' comes only when the pipe has been read to its end too, so the worker's last words come first.
    child.on('close', report);
    child.on('exit', (code, signal) => {
      // On a busy host, timers come before what the pipe holds; hence setImmediate. The timer is not unref()'d: a pipe
      // that is not being read may be all that the host has to live by.
      lastWords = setTimeout(() => setImmediate(report, code, signal), LAST_WORDS);
    });
    this.control.listen(
      (message) => enqueue({ type: 'message', worker: this, message }),
      (line) => debugWorker('#%d wrote a line that is no message: %s', this.id, line.slice(0, 80)),
    );
  }
}

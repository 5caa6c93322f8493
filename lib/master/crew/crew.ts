/*
 * Which workers should live, and which should go. The decisions are pure, and in files of their own; only the crew acts
 * on them.
 */
import type { FailureKind } from '../../backoff.js';
import { ArbiterError } from '../../errors.js';
import type { ResolvedOptions } from '../../options/resolved.js';
import type { TimeoutReport } from '../../protocol/messages.js';
import { type CrewStats, Tally } from '../scoreboard/stats.js';
import { Watch } from '../scoreboard/watch.js';
import type { Site } from '../site/site.js';
import type { ReloadResult, WorkerExit } from '../tell/events.js';
import type { Notifier } from '../tell/notify.js';
import type { EndStage } from '../workers/end-stage.js';
import type { Generation } from '../workers/generation.js';
import type { WorkerHandle, WorkerTurn } from '../workers/worker-handle.js';
import type { WorkerInfo } from '../workers/worker-info.js';
import { earlyDeath, earlyDismissal } from './boot-failure.js';
import { Dismissals } from './dismissals.js';
import { Evidence } from './evidence.js';
import { Health } from './health.js';
import { Post } from './post.js';
import { AT_ONCE, Recruiting } from './recruiting.js';
import { giveUp, restart } from './restart.js';
import { Retreat } from './retreat.js';
import { Roster } from './roster.js';
import { Spares } from './spares.js';
import { stacksOf, type WorkerStack } from './stacks.js';
import { Takeover } from './takeover.js';

type ExitTurn = Extract<WorkerTurn, { type: 'exit' }>;

/** While no workers are wanted (in a hold), this timer is all that keeps the host process alive. Milliseconds. */
const HELD_LOOK = 3_600_000;

/** The worker processes of a running Arbiter: spawns, retires and buries them, and keeps their accounts. */
export class Crew {
  readonly evidence: Evidence;
  readonly post: Post;
  readonly takeover: Takeover;
  readonly #site: Site;
  readonly #gracefulTimeout: number;
  readonly #notifier: Notifier;
  readonly #roster = new Roster<WorkerHandle>();
  readonly #spares: Spares<WorkerHandle>;
  readonly tally: Tally = new Tally();
  readonly #watch: Watch;
  readonly #recruiting: Recruiting;
  #listening = false;
  readonly #startedAt = performance.now();
  readonly #health: Health;
  readonly #dismissals: Dismissals<WorkerHandle>;
  readonly #retreat: Retreat;

  constructor(site: Site, options: ResolvedOptions, generation: Generation, notifier: Notifier) {
    this.evidence = new Evidence(site);
    this.post = new Post(() => this.#all(), options.workerClass.threads);
    this.#site = site;
    this.#gracefulTimeout = options.gracefulTimeout;
    this.takeover = new Takeover(generation, options);
    this.#spares = new Spares(options.spares);
    this.#watch = new Watch(options);
    this.#retreat = new Retreat(options.gracefulTimeout, site);
    this.#dismissals = new Dismissals((worker) => this.#dismiss(worker), options.gracefulTimeout / 2);
    this.#notifier = notifier;
    const books = { roster: this.#roster, spares: this.#spares, takeover: this.takeover, tally: this.tally };
    this.#recruiting = new Recruiting({ site, notifier, ...books });
    this.#health = new Health((target, now) => this.#roster.failing(target, now), notifier);
  }

  get size(): number {
    return this.#roster.size + this.#spares.size;
  }

  has(worker: WorkerHandle): boolean {
    return this.#roster.has(worker) || this.#spares.has(worker);
  }

  infos(): WorkerInfo[] {
    return this.#all().map((worker) => worker.info());
  }

  /** The workers that serve clients. */
  serving(): WorkerHandle[] {
    return this.#all().filter((worker) => worker.ready && !worker.leaving && !worker.exited);
  }

  /** Whether exactly as many workers stay as should, and all of them are ready. */
  complete(target: number): boolean {
    const staying = this.#roster.staying();
    return staying.length === target && staying.every((worker) => worker.ready);
  }

  /** Whether {@link Crew.complete} is true and no other worker lives, except spares. */
  holds(target: number): boolean {
    return this.complete(target) && this.#roster.size === target;
  }

  /** A spare has booted. */
  keep(worker: WorkerHandle): void {
    if (!this.#spares.has(worker) || worker.failure || worker.leaving) return;
    worker.markBooted();
    this.#notifier.emit('worker:spare', worker.info());
  }

  /** A worker is ready. Once the first one is, the sockets listen. */
  welcome(worker: WorkerHandle, since?: number): void {
    if (worker.ready || worker.failure || worker.spare) return;
    worker.markReady(since);
    if (!this.#listening) {
      this.#listening = true;
      for (const { address } of this.#site.listeners) this.#notifier.emit('listening', address);
    }
    this.#notifier.emit('worker:ready', worker.info());
    this.#retreat.welcome(worker);
  }

  /**
   * Spawns workers that are missing, retires those that are too many, and tells when slots begin to fail again and
   * again, and when none does any more. If 0 are `wanted`, all go and clients wait. Returns when to look again, on the
   * clock of `now`. `ordered` is the stage of a stop that has been ordered and begins soon, if there is one.
   */
  fill(wanted: number, now: number, ordered: EndStage | undefined): (number | undefined)[] {
    const askAt = this.#dismissals.settle(this.#all(), now, ordered !== undefined);
    const stableAt = this.#roster.settle(now);
    const plan = this.#roster.plan(wanted, now, AT_ONCE);
    for (const { worker, by } of plan.relieve) {
      const reason = worker.generation === by.generation ? 'recycle' : 'reload';
      if (reason === 'recycle') this.tally.recycles++;
      worker.end(reason, 'drain', this.#gracefulTimeout);
    }
    for (const worker of plan.retire) worker.end(wanted === 0 ? 'stop' : 'scale', 'drain', this.#gracefulTimeout);
    // During a rollout, it decides of which generation a missing worker is.
    const rollout = this.takeover.rollout?.plan(this.#roster.posts(wanted), now, AT_ONCE);
    const orders = rollout?.orders ?? plan.spawn.map((id) => ({ id, generation: this.takeover.generation }));
    this.#recruiting.fill(orders, wanted, now);
    const kept = wanted === 0 ? undefined : this.takeover.reserve(wanted).number;
    for (const spare of this.#spares.surplus(kept)) {
      spare.end(wanted === 0 ? 'stop' : 'reload', 'drain', this.#gracefulTimeout);
    }
    this.#health.tell(wanted, now);
    return [askAt, stableAt, plan.wakeAt, rollout?.wakeAt, wanted === 0 ? now + HELD_LOOK : undefined];
  }

  /** Begins to replace all workers by those of a new generation with that number. Throws if that cannot be made. */
  rollOut(number: number, target: number): void {
    this.takeover.begin(number, target);
  }

  /** The result of a rollout, once it is over. */
  rolledOut(target: number, now: number): ReloadResult | ArbiterError | undefined {
    const result = this.takeover.end(this.#roster.posts(target), this.#all(), now);
    if (result && !(result instanceof ArbiterError)) this.tally.reloads++;
    return result;
  }

  /** A worker could not boot, or has lost a thread. If it is on trial, the rollout turns round. */
  failTrial(worker: WorkerHandle, failure: Error): void {
    if (this.takeover.tries(worker)) this.takeover.turnRound(failure, this.#roster.staying());
  }

  /** The worker has got SIGTERM from somebody else, and asks what to do. */
  asked(worker: WorkerHandle): void {
    if (this.#retreat.begun) worker.order('stay');
    else this.#dismissals.ask(worker, performance.now());
  }

  /**
   * Does what can wait. Recycles a worker, if one is due and nothing else changes. Starts a spare, if one is missing,
   * all workers are ready and no slot fails again and again. Returns when to look again. If all workers are ready, and
   * `changes` of scale still wait for others to end, neither begins: with one worker recycled after another, they would
   * wait for ever.
   */
  tend(target: number, now: number, changes: number): (number | undefined)[] {
    if (changes > 0 && this.complete(target)) return [];
    const recycling = this.#roster.planRecycling(target, now);
    for (const id of recycling.spawn) this.#recruiting.spawn(id, this.takeover.generation);
    if (!this.complete(target) || this.#health.degraded) return [recycling.wakeAt];
    const { due, wakeAt } = this.#spares.plan(now);
    if (due) this.#recruiting.stock(this.takeover.generation);
    return [recycling.wakeAt, wakeAt];
  }

  readonly stacks = (): Promise<WorkerStack[]> => stacksOf(this.#all());
  readonly restart = (id: number): ReturnType<typeof restart> => restart(this.#roster, id);

  /** Tells all workers to end. */
  end(stage: EndStage): void {
    this.takeover.drop();
    const serves = (worker: WorkerHandle): boolean =>
      !this.#listening || (worker.ready && !worker.exited && (!worker.leaving || this.#dismissals.keeps(worker)));
    this.#retreat.begin(stage, this.#all(), serves);
    this.#dismissals.clear();
  }

  /** Tells the workers that have not been told: an earlier attempt may have failed half-way. */
  remind(stage: EndStage): void {
    if (this.#retreat.begun) this.#retreat.remind(stage, this.#all());
    else this.end(stage);
  }

  /** Has all logs reopened, and hands the signal on to the workers that have booted. */
  forward(signal: NodeJS.Signals): void {
    this.#site.access?.reopen();
    for (const worker of this.#all()) worker.reopenLogs(signal);
  }

  /** The worker ran out of time, and must end. If it was one of its threads, its process ends that one. */
  timeOut(worker: WorkerHandle, report: TimeoutReport): void {
    if (worker.timedOut) return;
    this.tally.timeouts++;
    this.#notifier.emit('worker:timeout', worker.info(), report);
    // Until its process is ready, a thread that does not boot in time fails the process.
    if (report.thread === undefined || (report.clock === 'boot' && !worker.ready)) worker.timeOut();
  }

  /** Ends workers whose event loop stands still, if they have not ended themselves. */
  tick(): void {
    for (const { worker, report } of this.#watch.look(this.#all(), this.#site.slotOf)) {
      this.timeOut(worker, report);
      // SIGABRT leaves a core file where the system keeps them: all that can be had of code that is stuck outside of
      // JavaScript. A process that is stopped, or catches the signal, is killed a moment later.
      worker.signal('SIGABRT');
    }
  }

  /**
   * Takes a worker that has ended off the books. If nobody ordered its death, and it is not the first in a row, its
   * slot has to wait. The death of a substitute counts too, while the worker that it was to replace serves on.
   */
  bury({ worker, error }: ExitTurn, exit: WorkerExit): void {
    this.#roster.remove(worker);
    this.#spares.remove(worker);
    const served = exit.reason !== 'boot' && this.evidence.hasServed(worker);
    this.tally.bury(this.evidence.of(worker));
    if (exit.reason === 'crash') this.tally.crashes++;
    this.#site.bury(worker);
    this.#notifier.emit('worker:exit', worker.info(), exit);
    if (worker.leaving) return;
    if (this.takeover.tries(worker) && !this.takeover.excuse(worker, served)) {
      this.takeover.turnRound(worker.failure ?? earlyDeath(worker, exit), this.#roster.staying());
      return;
    }
    // A spare that was just taking a slot may have been dead already: that is no failure of the slot.
    const unused = worker.spare || (worker.booted && !worker.ready && !served);
    const replaced = !worker.spare && this.#vacate(worker);
    // A worker that hung while it served has taken its timeout for that, so this is no fast crash loop.
    if (exit.reason === 'stop' || (exit.reason === 'timeout' && worker.booted)) return;
    const kind: FailureKind = error ? 'spawn' : worker.booted || served ? 'crash' : 'boot';
    const death = [kind, worker.served, performance.now(), Math.random()] as const;
    giveUp(this.#roster, worker);
    const backoff = unused ? this.#spares.fail(...death) : this.#roster.fail(worker, ...death);
    if (backoff.delay > 0 && !replaced) this.#notifier.emit('worker:backoff', unused ? 0 : worker.id, backoff);
  }

  /** Somebody else has told this worker to end. Its slot gets another worker at once, and it gets its time to drain. */
  #dismiss(worker: WorkerHandle): void {
    const trial = this.takeover.tries(worker);
    worker.dismissed = true;
    worker.leave('stop', 'drain', this.#gracefulTimeout);
    if (trial) this.takeover.turnRound(earlyDismissal(worker), this.#roster.staying());
    else if (!worker.spare) this.#vacate(worker);
  }

  /** A worker gives up its slot without an order of the master. Returns whether its substitute has the slot already. */
  #vacate(worker: WorkerHandle): boolean {
    const partner = this.#roster.partner(worker, (other) => !this.takeover.tries(other));
    if (partner) this.takeover.rollout?.giveUp(worker);
    const replaced = partner !== undefined && (partner.term - worker.term || partner.age - worker.age) > 0;
    if (replaced) this.tally.respawns++;
    else if (!partner) this.#recruiting.vacate(worker.id);
    return replaced;
  }

  stats(target: number, held: boolean): CrewStats {
    const living = this.#all().map((worker) => ({ info: worker.info(), record: this.evidence.of(worker) }));
    const now = performance.now();
    return {
      generation: this.takeover.generation.number,
      uptime: now - this.#startedAt,
      degraded: this.#health.degraded,
      held,
      failing: this.#health.failing(target, now),
      spares: this.#spares.waiting,
      ...this.tally.account(living),
    };
  }

  /** All living workers and spares, oldest first. */
  #all(): WorkerHandle[] {
    if (this.#spares.size === 0) return this.#roster.all();
    return [...this.#roster.all(), ...this.#spares.all()].sort((a, b) => a.age - b.age);
  }
}

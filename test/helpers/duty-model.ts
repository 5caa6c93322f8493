import type { TestContext } from 'node:test';
import { Worker as Thread } from 'node:worker_threads';
import { DUTY, DUTY_BYTES, DUTY_SLOTS, dutyState } from '../../build/scoreboard/scoreboard.js';
import { Actor, type ActorData, COMMAND, type Command, VIEW } from './duty-actor.js';
import { fixture } from './host.js';
import { eventually } from './wait.js';

export interface ModelSettings {
  readonly acceptors: number;
  readonly capacity?: number;
  /** How many acceptors one process has. */
  readonly threads?: number;
  /** How many connections each acceptor has at the start; the list is repeated. */
  readonly loads?: readonly number[];
  readonly roster?: 'force';
  /**
   * How long a turn of an event loop takes, milliseconds. With 4, each request is written to the roster; with less,
   * some are over before they are written.
   */
  readonly turn?: number;
  /** How many requests each acceptor has served at the start. */
  readonly served?: number;
  /** Of so many requests, one is over within its turn of the event loop; of three if not given. */
  readonly within?: number;
  /** Of the machine, 2 if not given. */
  readonly cpus?: number;
}

export type MoveKind = 'step' | 'accept' | 'wake' | 'later' | 'bury' | 'client' | 'finish' | 'round' | 'die' | 'drain';

/** Something that may happen next. */
interface Move {
  readonly kind: MoveKind;
  readonly what: string;
  readonly act: () => void;
}

/** A part of a play. */
export interface Scene {
  /** Which of the possible moves comes next, as a number that chooses first the kind, then who makes the move. */
  readonly choices: readonly number[];
  /** The kinds of moves that are allowed in addition to those that come by themselves. */
  readonly also: readonly MoveKind[];
  /**
   * A bit for each acceptor that gets no CPU in this part, if it is in the middle of a command when the part begins.
   */
  readonly slow: number;
}

/** These moves come by themselves, and come to an end. */
const PROGRESS: ReadonlySet<MoveKind> = new Set(['step', 'accept', 'wake', 'later', 'bury']);
const MOST_WAITING = 4;
const ENDLESS = 10_000;

/**
 * Acceptors with the real duty roster (the words that say whose turn it is to accept), each in a thread of its own,
 * with a queue of clients, and a master that clears up after acceptors that have died. Any order of their single reads
 * and writes can be played, the same way each time.
 */
export class DutyModel {
  /** How many clients wait in the kernel's accept queue. */
  waiting = 0;
  readonly actors: readonly Actor[];
  /** The duty roster: the word of each acceptor. */
  readonly words = new Uint32Array(new SharedArrayBuffer(DUTY_BYTES));
  readonly #settings: ModelSettings;
  readonly #wakes = new Int32Array(new SharedArrayBuffer(4 * DUTY_SLOTS));
  /** Steps of the master that are due after a death. */
  #burials: (() => void)[] = [];
  #history: string[] = [];

  private constructor(settings: ModelSettings) {
    this.#settings = settings;
    this.actors = Array.from({ length: settings.acceptors }, (_, index) => new Actor(index));
  }

  static async create(t: TestContext, settings: ModelSettings): Promise<DutyModel> {
    const { capacity = 1, threads = 1, roster = '', turn = 4, served = 0, within = 3, cpus = 2 } = settings;
    const model = new DutyModel(settings);
    const processOf = model.actors.map(({ index }) => Math.floor(index / threads));
    for (const { index, view } of model.actors) {
      const shared = { view, words: model.words, wakes: model.#wakes };
      const data: ActorData = { index, capacity, turn, served, within, cpus, processOf, ...shared };
      const thread = new Thread(fixture('duty-actor.js'), { workerData: data, env: { PREFORK_ROSTER: roster } });
      t.after(() => thread.terminate());
    }
    await eventually(() => model.actors.every(({ idle }) => idle), 'the threads');
    return model;
  }

  /** What has happened since the start, one line each. */
  get history(): string {
    return this.#history.join('\n');
  }

  /** Starts all acceptors anew, and gives each its first round, one after the other. */
  start(): void {
    const { loads = [0] } = this.#settings;
    this.#burials = [];
    this.waiting = 0;
    this.words.fill(0);
    this.#wakes.fill(0);
    for (const actor of this.actors) {
      this.#open(actor);
      actor.view[VIEW.TAKEN] = loads[actor.index % loads.length] as number;
      actor.before.clear();
      while (!actor.idle) actor.step();
    }
    for (const actor of this.actors) actor.complete(COMMAND.ROUND);
    this.rest();
    this.#history = [];
  }

  play({ choices, also, slow }: Scene): void {
    const frozen = new Set(this.actors.filter(({ idle, index }) => !idle && (slow >> index) % 2 === 1));
    for (const choice of choices) {
      const moves = this.#moves(this.actors.filter((actor) => !frozen.has(actor)));
      this.#make(
        moves.filter(({ kind }) => PROGRESS.has(kind) || also.includes(kind)),
        choice,
      );
    }
  }

  /** Makes moves until nothing happens by itself any more. No timer of a round comes meanwhile. */
  rest(choose: () => number = () => 0): void {
    for (let count = 0; count < ENDLESS; count++) {
      const moves = this.#moves(this.actors).filter(({ kind }) => PROGRESS.has(kind));
      if (moves.length === 0) return;
      this.#make(moves, choose());
    }
    throw new Error(`it does not come to rest\n${this.history.slice(-1_000)}`);
  }

  /**
   * Tries all orders of the steps of those acceptors that are in the middle of a command after `start()`, each order
   * from the same start. Returns how many orders there are.
   */
  everyOrder(start: () => void, check: () => void): number {
    const path: number[] = [];
    const widths: number[] = [];
    for (let count = 1; ; count++) {
      start();
      for (let depth = 0; ; depth++) {
        const busy = this.actors.filter(({ idle }) => !idle);
        if (busy.length === 0) break;
        widths[depth] = busy.length;
        path[depth] ??= 0;
        const actor = busy[path[depth] as number] as Actor;
        this.#history.push(`${actor.index}: step`);
        actor.step();
      }
      check();
      while (path.length > 0 && path.at(-1) === (widths[path.length - 1] as number) - 1) path.pop();
      const last = path.pop();
      if (last === undefined) return count;
      path.push(last + 1);
    }
  }

  /** The acceptors that could take clients that wait. Asked at rest, where there should be none. */
  forgotten(): string[] {
    const { capacity = 1 } = this.#settings;
    if (this.waiting === 0) return [];
    return this.actors
      .filter(({ alive, draining, taken }) => alive && !draining && taken < capacity)
      .map(({ index, shut }) => `acceptor ${index} has room and ${shut ? 'rests' : 'listens'}`);
  }

  #make(moves: readonly Move[], choice: number): void {
    const kinds = [...new Set(moves.map(({ kind }) => kind))];
    const alike = moves.filter(({ kind }) => kind === kinds[choice % kinds.length]);
    const move = alike[Math.floor(choice / kinds.length) % alike.length];
    if (!move) return;
    this.#history.push(move.what);
    move.act();
  }

  #moves(actors: readonly Actor[]): Move[] {
    const moves = actors.flatMap((actor) => (actor.alive ? this.#movesOf(actor) : this.#movesOfDead(actor)));
    const [burial] = this.#burials;
    if (burial) moves.push({ kind: 'bury', what: 'the master goes on', act: () => this.#burials.shift()?.() });
    if (this.waiting < MOST_WAITING) moves.push({ kind: 'client', what: 'a client', act: () => void this.waiting++ });
    return moves;
  }

  #movesOf(actor: Actor): Move[] {
    const { index, idle, draining, taken, shut, before, later } = actor;
    const moves: Move[] = [];
    const add = (holds: boolean, kind: MoveKind, act: () => void): void => {
      if (holds) moves.push({ kind, what: `${index}: ${kind}`, act });
    };
    add(this.#settings.threads === undefined, 'die', () => this.#die(actor));
    add(!idle, 'step', () => actor.step());
    if (!idle) return moves;
    add(!shut && !draining && this.waiting > 0, 'accept', () => {
      this.waiting--;
      actor.begin(COMMAND.ACCEPT);
    });
    add(this.#wakes[index] === 1, 'wake', () => {
      this.#wakes[index] = 0;
      actor.begin(COMMAND.WAKE);
    });
    add(later > 0, 'later', () => actor.begin(COMMAND.LATER));
    add(taken > 0, 'finish', () => actor.begin(COMMAND.FINISH));
    add(!draining && before.size === 0, 'round', () => {
      this.#passBy(actor);
      actor.begin(COMMAND.ROUND);
    });
    add(!draining, 'drain', () => this.begin(actor, COMMAND.CLOSE));
    add(draining && taken === 0, 'bury', () => this.#die(actor));
    return moves;
  }

  #movesOfDead(actor: Actor): Move[] {
    // Of the kind `client`, so that a substitute is as likely as a client.
    if (this.#burials.length > 0) return [];
    return [{ kind: 'client', what: `${actor.index}: is replaced`, act: () => this.#open(actor) }];
  }

  begin(actor: Actor, command: Command): void {
    if (command === COMMAND.CLOSE) {
      actor.draining = true;
      this.#passBy(actor);
    }
    actor.begin(command);
  }

  #open(actor: Actor): void {
    actor.complete(COMMAND.RESET);
    [actor.alive, actor.draining] = [true, false];
    for (const other of this.actors) if (other !== actor && other.alive && !other.draining) actor.before.add(other);
    actor.begin(COMMAND.OPEN);
  }

  /**
   * The word of a dead acceptor stays until the master clears it, and wakes one that rests, see
   * lib/master/site/open-site.ts.
   */
  #die(actor: Actor): void {
    actor.complete(COMMAND.RESET);
    actor.alive = false;
    this.#wakes[actor.index] = 0;
    this.#passBy(actor);
    this.#burials.push(
      () => this.words.fill(0, actor.index, actor.index + 1),
      () => {
        const rests = ({ alive, index }: Actor): boolean =>
          alive && dutyState(this.words[index] as number) === DUTY.OFF;
        const other = this.actors.find(rests);
        if (other) this.#wakes[other.index] = 1;
      },
    );
  }

  /** No acceptor waits for the round of this one any more. */
  #passBy(actor: Actor): void {
    for (const { before } of this.actors) before.delete(actor);
  }
}

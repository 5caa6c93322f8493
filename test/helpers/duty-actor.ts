import { DEADLINE } from './wait.js';

/** Indices into the memory that a thread and the test share. */
export const VIEW = { TURN: 0, COMMAND: 1, SHUT: 2, TAKEN: 3, LATER: 4, LENGTH: 5 } as const;
/**
 * Who acts next. GO: the thread. IDLE, STEP: the test, since the thread has nothing to do, or is about to make a step.
 */
export const TURN = { GO: 0, IDLE: 1, STEP: 2 } as const;
/** What a thread is told to do; each command is one turn of its event loop. RESET drops what the thread is doing. */
export const COMMAND = { OPEN: 0, ACCEPT: 1, FINISH: 2, WAKE: 3, ROUND: 4, LATER: 5, CLOSE: 6, RESET: 7 } as const;
export type Command = (typeof COMMAND)[keyof typeof COMMAND];

/** The `workerData` of the fixture `duty-actor.js`. */
export interface ActorData {
  readonly index: number;
  readonly capacity: number;
  /** How long each turn of its event loop takes, milliseconds. */
  readonly turn: number;
  /** How many requests it has served at the start. */
  readonly served: number;
  /** Of so many requests, one is over within its turn of the event loop. */
  readonly within: number;
  readonly cpus: number;
  /** The number of the process of each acceptor: a signal reaches all acceptors of a process. */
  readonly processOf: readonly number[];
  readonly view: Int32Array;
  readonly words: Uint32Array;
  /** Which acceptors have been sent a signal. */
  readonly wakes: Int32Array;
}

/** The test's side of an acceptor in a thread. */
export class Actor {
  readonly index: number;
  readonly view: Int32Array = new Int32Array(new SharedArrayBuffer(4 * VIEW.LENGTH));
  alive = true;
  draining = false;
  /**
   * The acceptors whose round comes before the first round of this one. A first round comes a second after the start,
   * and all later ones each second, so the others come first.
   */
  readonly before = new Set<Actor>();

  constructor(index: number) {
    this.index = index;
  }

  /** Whether it is not in the middle of a command. */
  get idle(): boolean {
    return this.view[VIEW.TURN] === TURN.IDLE;
  }

  /** How many of its places are taken. */
  get taken(): number {
    return this.view[VIEW.TAKEN] as number;
  }

  get shut(): boolean {
    return this.view[VIEW.SHUT] === 1;
  }

  /** How many callbacks of its timers are due. */
  get later(): number {
    return this.view[VIEW.LATER] as number;
  }

  /** Begins a command, and lets the thread run up to its first step. */
  begin(command: Command): void {
    this.view[VIEW.COMMAND] = command;
    this.step();
  }

  /** Lets the thread make the step that it is about to make, and run up to the next one. */
  step(): void {
    Atomics.store(this.view, VIEW.TURN, TURN.GO);
    Atomics.notify(this.view, VIEW.TURN);
    let end: string = 'ok';
    // The thread's notification of its previous turn may arrive now, so the state is read again.
    while (end !== 'timed-out' && Atomics.load(this.view, VIEW.TURN) === TURN.GO) {
      end = Atomics.wait(this.view, VIEW.TURN, TURN.GO, DEADLINE);
    }
    if (end === 'timed-out') throw new Error(`acceptor ${this.index} does not come to its next step`);
  }

  complete(command: Command): void {
    this.begin(command);
    while (!this.idle) this.step();
  }
}

import { readSync, writeSync } from 'node:fs';
import { FD } from '../../protocol/spec.js';
import {
  DUTY,
  DUTY_BYTES,
  DUTY_SLOTS,
  type DutyState,
  dutyLoad,
  dutyLong,
  dutyState,
  dutyUnsteady,
  dutyWord,
} from '../../scoreboard/scoreboard.js';

/**
 * The words of all acceptors on the duty roster, as of the last {@link Words.read}; and the word of this acceptor, its
 * own.
 */
export class Words {
  readonly #index: number;
  readonly #own = new Uint32Array(1);
  readonly #all = new Uint32Array(DUTY_SLOTS);
  /** How many words are in use, as of the last count. */
  #span = 0;
  /** The words as they were when they were remembered; empty if they were not. */
  #before = new Uint32Array(0);

  constructor(index: number) {
    this.#index = index;
  }

  /** The state in the own word. */
  get state(): number {
    return dutyState(this.#own[0] as number);
  }

  /** Whether the own word says that some work was not short lately. */
  get isLong(): boolean {
    return dutyLong(this.#own[0] as number);
  }

  /** Whether the own word says that others cannot count on this acceptor. */
  get isUnsteady(): boolean {
    return dutyUnsteady(this.#own[0] as number);
  }

  /** Whether this acceptor has a word on the roster: slots beyond the first {@link DUTY_SLOTS} have none. */
  get hasPlace(): boolean {
    return this.#index < DUTY_SLOTS;
  }

  /** Writes the own word. */
  say(state: DutyState, load: number, turn: number, long: boolean, unsteady: boolean): void {
    this.#own[0] = dutyWord(state, load, turn, long, unsteady);
    if (this.hasPlace) writeSync(FD.SCOREBOARD, this.#own, 0, 4, this.#index * 4);
  }

  /** Reads as many words as were in use at the last {@link Words.count}. */
  read(): void {
    readSync(FD.SCOREBOARD, this.#all, 0, Math.min(DUTY_BYTES, this.#span * 4), 0);
  }

  /** Reads all words. Returns how many acceptors there are. */
  count(): number {
    this.#span = DUTY_SLOTS;
    this.read();
    this.#span = this.#all.findLastIndex((word) => word !== 0) + 1;
    return this.#all.reduce((count, word) => count + Number(word !== 0), 0);
  }

  /** Remembers the words. Another acceptor has "come on" since then if its word is not what it was. */
  remember(): void {
    this.#before = this.#all.slice(0, this.#span);
  }

  forget(): void {
    this.#before = new Uint32Array(0);
  }

  /** Whether none of the others has had work lately that was not short. */
  get areShort(): boolean {
    return this.#others(dutyLong) === 0;
  }

  /** How many others listen. */
  get listening(): number {
    return this.#others(listens);
  }

  /** Whether nobody can count on most of those that serve. */
  get areUnsteady(): boolean {
    return (
      this.#others((word) => serves(word) && dutyUnsteady(word)) >
      this.#others((word) => serves(word) && !dutyUnsteady(word))
    );
  }

  /** How many others listen, or are busy for a moment (BRIEF). */
  get present(): number {
    return this.#others(isPresent);
  }

  /**
   * How many others listen, or are BRIEF and have come on since the words were remembered. If they were not, each BRIEF
   * counts.
   */
  get able(): number {
    return this.#others((word, index) => listens(word) || (isPresent(word) && word !== this.#before[index]));
  }

  /**
   * How many others that listen or are BRIEF have come on since the words were remembered. If they were not, none
   * counts.
   */
  get comingOn(): number {
    return this.#others((word, index) => isPresent(word) && this.#comesOn(word, index));
  }

  /** How many others listen and have not come on since the words were remembered. */
  get idle(): number {
    return this.#others((word, index) => listens(word) && !this.#comesOn(word, index));
  }

  /** The least load of all acceptors; `own` is the load of this one. */
  least(own: number): number {
    let least = own;
    this.#others((word) => {
      if (word !== 0) least = Math.min(least, dutyLoad(word));
      return false;
    });
    return least;
  }

  /** The index of another acceptor that is on call (ALERT), or -1. */
  get onCall(): number {
    let found = -1;
    this.#others((word, index) => {
      if (dutyState(word) === DUTY.ALERT) found = index;
      return false;
    });
    return found;
  }

  /**
   * The index of the resting acceptor (OFF) with the least load; -1 if none rests.
   *
   * @param same - among equals, take the lowest index, whoever asks. Otherwise the search begins behind the own index,
   * so that they take turns.
   */
  resting(same: boolean): number {
    const from = same ? 0 : this.#index + 1;
    let chosen = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let step = 0; step < this.#span; step++) {
      const index = (from + step) % this.#span;
      const word = this.#all[index] as number;
      if (index === this.#index || dutyState(word) !== DUTY.OFF || dutyLoad(word) >= least) continue;
      [chosen, least] = [index, dutyLoad(word)];
    }
    return chosen;
  }

  #comesOn(word: number, index: number): boolean {
    const before = this.#before[index];
    return before !== undefined && word !== before;
  }

  /** How many others have a word of which this holds. */
  #others(holds: (word: number, index: number) => boolean): number {
    let count = 0;
    for (let index = 0; index < this.#span; index++) {
      if (index !== this.#index && holds(this.#all[index] as number, index)) count++;
    }
    return count;
  }
}

/** Whether an acceptor listens and, as far as it knows, its event loop turns. */
function listens(word: number): boolean {
  return dutyState(word) === DUTY.LISTENING && !dutyUnsteady(word);
}

function serves(word: number): boolean {
  const state = dutyState(word);
  return state === DUTY.LISTENING || state === DUTY.BRIEF || state === DUTY.BUSY;
}

function isPresent(word: number): boolean {
  return listens(word) || (dutyState(word) === DUTY.BRIEF && !dutyUnsteady(word));
}

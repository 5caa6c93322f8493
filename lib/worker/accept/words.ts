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

/** What all acceptors say of themselves on the duty roster, as of the last look; and the own word. */
export class Words {
  readonly #index: number;
  readonly #own = new Uint32Array(1);
  readonly #all = new Uint32Array(DUTY_SLOTS);
  /** How many words are in use, as of the last count. */
  #span = 0;
  /** What the others said at an earlier look, where somebody looks on. */
  #before = new Uint32Array(0);

  constructor(index: number) {
    this.#index = index;
  }

  /** The own load. */
  get load(): number {
    return dutyLoad(this.#own[0] as number);
  }

  /** What the own one says. */
  get state(): number {
    return dutyState(this.#own[0] as number);
  }

  /** Whether the own one says that work was not short lately. */
  get isLong(): boolean {
    return dutyLong(this.#own[0] as number);
  }

  /** Whether the own one says that others cannot count on it. */
  get isUnsteady(): boolean {
    return dutyUnsteady(this.#own[0] as number);
  }

  /** Whether the own one has a place on the roster. */
  get hasPlace(): boolean {
    return this.#index < DUTY_SLOTS;
  }

  say(state: DutyState, load: number, turn: number, long: boolean, unsteady: boolean): void {
    this.#own[0] = dutyWord(state, load, turn, long, unsteady);
    if (this.hasPlace) writeSync(FD.SCOREBOARD, this.#own, 0, 4, this.#index * 4);
  }

  read(): void {
    readSync(FD.SCOREBOARD, this.#all, 0, Math.min(DUTY_BYTES, this.#span * 4), 0);
  }

  /** Reads all of them. Returns how many acceptors there are. */
  count(): number {
    this.#span = DUTY_SLOTS;
    this.read();
    this.#span = this.#all.findLastIndex((word) => word !== 0) + 1;
    return this.#all.reduce((count, word) => count + Number(word !== 0), 0);
  }

  /** From now on it is known who comes on: whose word is not what it was at this look. */
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

  /** How many others listen, or are busy for a moment. */
  get present(): number {
    return this.#others(isPresent);
  }

  /** How many others listen, or are busy for a moment and have come on since the look that is remembered, if there is one. */
  get able(): number {
    return this.#others((word, index) => listens(word) || (isPresent(word) && word !== this.#before[index]));
  }

  /** How many others that listen, or are busy for a moment, have come on since the look that is remembered; without one, none is known to. */
  get comingOn(): number {
    return this.#others((word, index) => isPresent(word) && this.#comesOn(word, index));
  }

  /** How many others listen and have not come on since. */
  get idle(): number {
    return this.#others((word, index) => listens(word) && !this.#comesOn(word, index));
  }

  /** The least load of all. */
  least(own: number): number {
    let least = own;
    this.#others((word) => {
      if (word !== 0) least = Math.min(least, dutyLoad(word));
      return false;
    });
    return least;
  }

  /** The other one that is on call, or -1. */
  get onCall(): number {
    let found = -1;
    this.#others((word, index) => {
      if (dutyState(word) === DUTY.ALERT) found = index;
      return false;
    });
    return found;
  }

  /** Whether one is on call whose place on the roster is before the own one. */
  get isOnCallBefore(): boolean {
    return this.#all.subarray(0, this.#index).some((word) => dutyState(word) === DUTY.ALERT);
  }

  /**
   * Of those that rest the one with the least load; or -1.
   *
   * @param same - the first of them, whoever asks; else they are counted from the own place, so that they take turns.
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

  #others(holds: (word: number, index: number) => boolean): number {
    let count = 0;
    for (let index = 0; index < this.#span; index++) {
      if (index !== this.#index && holds(this.#all[index] as number, index)) count++;
    }
    return count;
  }
}

/** It listens, and its event loop turns, as far as it knows. */
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

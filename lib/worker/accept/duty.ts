import { readSync, writeSync } from 'node:fs';
import { FD } from '../../protocol/spec.js';
import { DUTY, DUTY_BYTES, DUTY_SLOTS, type DutyState, dutyLoad, dutyState, dutyWord } from '../../scoreboard.js';
import { readSlotAt } from '../vitals/board.js';
import { Moments } from './moments.js';

/** With fewer listening, one that turns busy wakes another; with as many, one that turns idle rests. */
const LOW = 2;
const HIGH = 4;
/** Up to so many acceptors, a wake-up that was for nothing costs less than the roster does. */
const FEW = { off: Number.POSITIVE_INFINITY, force: 0 }[process.env['PREFORK_ROSTER'] ?? ''] ?? 8;
/** How often the roster is looked at whatever happens, and how long the look of one that rests takes. Milliseconds. */
const ROUND = 1_000;
const LOOK = 10;
/** How long one that does not come on is waited for. On a machine that is short of CPUs it may have none for as long. Milliseconds. */
const PATIENCE = 10;
/** How often one that is busy for moments only looks whether too many listen: each so many. */
const SELDOM = 16;
/** From which load on it is to be balanced, by how much one may be ahead, and how long it then waits, milliseconds. */
const BALANCE = { from: 16, slack: 8, share: 0.05, pause: 2 } as const;

/** What the roster orders. */
export interface DutyOrders {
  /** Accept, if there is room. */
  readonly listen: () => void;
  /** Leave the accepting to others. */
  readonly rest: () => void;
}

/**
 * The duty roster: of many idle acceptors only a few listen, since each that does is woken by every connection.
 *
 * It is a word per acceptor on the scoreboard. So that no connection waits while somebody could take it, an acceptor
 * writes its own word *before* it reads the others': of two that decide at the same time, one sees the other. One
 * that rests looks again after it wrote, and each second; SIGURG, which does nothing elsewhere, wakes it.
 *
 * One that takes no part says BUSY, so that nobody counts on it: where there are few acceptors, and in its first round,
 * since the others notice in theirs that it is there.
 *
 * To wake one is dear, above all where there are more acceptors than CPUs: each has caches of its own to fill. So one whose places are taken for moments only
 * says BRIEF instead of BUSY, and who is woken because of that is ALERT first: it looks on, and accepts when those that are busy do not come on, which the words tell by a
 * number. So as long as requests are short, the same few serve all of them; and a long one that nobody expected keeps others waiting for 10 ms at most.
 *
 * The words hold the load too: an acceptor that is far ahead of the least loaded one lets others go first.
 */
export class Duty {
  readonly #index: number;
  readonly #orders: DutyOrders;
  readonly #own = new Uint32Array(1);
  readonly #all = new Uint32Array(DUTY_SLOTS);
  /** How many words are in use, as of the last round. */
  #span = 0;
  /** It takes part. */
  #active = false;
  #state: DutyState = DUTY.LISTENING;
  /** It has waited for the others, so it is its turn whatever they do. */
  #waited = false;
  /** It is waiting for them. */
  #aside = false;
  /** How often it has been busy. */
  #turn = 0;
  readonly #moments = new Moments(FEW === 0);
  /** The words of the others when it was alert and looked last. */
  #seen = new Uint32Array(0);
  #isOnCall = false;
  readonly #round: NodeJS.Timeout;

  constructor(index: number, orders: DutyOrders) {
    this.#index = index;
    this.#orders = orders;
    this.#round = setInterval(() => this.#lookRound(), ROUND).unref();
    this.#say(DUTY.BUSY, 0);
  }

  /** There is room: whether to accept now. If not, it is told when. `load` is how many places are taken. */
  comes(load: number): boolean {
    if (this.#isBusy) this.#moments.end();
    if (this.#waited) return this.#goOn(load);
    if (this.#aside || this.#isAhead(load)) return false;
    if (!this.#active || this.#listening() < HIGH) return this.#goOn(load);
    return this.#mustStay(load) && this.#goOn(load);
  }

  /** There is no room any more. */
  leaves(load: number): void {
    if (!this.#isBusy) this.#begin();
    if (this.#active) this.#handOver(this.#state, load);
  }

  /** There is none until this turn of the event loop is over. {@link Duty.ends} or {@link Duty.leaves} follows. */
  begins(load: number): void {
    if (!this.#active) return;
    this.#begin();
    this.#handOver(this.#state, load);
  }

  /** There is room again, within that turn. */
  ends(load: number): void {
    if (!this.#active || !this.#isBusy) return;
    this.#moments.end();
    this.#set(DUTY.LISTENING, load);
    if (this.#turn % SELDOM === 0) this.#trim();
  }

  #begin(): void {
    this.#turn++;
    this.#moments.begin();
    this.#state = this.#moments.isExpected ? DUTY.BRIEF : DUTY.BUSY;
  }

  /** A connection has been accepted and there is room: whether to leave the next one to others. */
  givesWay(load: number): boolean {
    if (this.#active) {
      // Until this turn of the loop is over, which a handler may make long.
      this.leaves(load);
      setImmediate(this.#orders.listen);
      return true;
    }
    if (load < BALANCE.from) return false;
    this.#say(DUTY.BUSY, load);
    return this.#isAhead(load);
  }

  /** Another acceptor asks for help. */
  called(): void {
    if (this.#state === DUTY.OFF) this.#seen = new Uint32Array(0);
    if (this.#state === DUTY.OFF || this.#state === DUTY.ALERT) this.#lookOn();
  }

  /** It takes no part any more: `BUSY` while it still accepts, for others must not take it for gone. */
  close(state: typeof DUTY.NONE | typeof DUTY.BUSY): void {
    clearInterval(this.#round);
    this.#state = state;
    if (this.#active) this.#handOver(state, 0);
    else this.#say(state, 0);
  }

  #goOn(load: number): true {
    this.#waited = false;
    this.#set(DUTY.LISTENING, load);
    return true;
  }

  /** Nobody can count on this one any more: if too few are left, another one is called. */
  #handOver(state: DutyState, load: number): void {
    this.#say(state, load);
    if (this.#listening() < LOW) this.#wakeOne();
  }

  /** Goes off duty, and looks again: the last one that listened may have turned busy, and have seen nobody to wake. */
  #mustStay(load: number): boolean {
    this.#set(DUTY.OFF, load);
    return this.#listening() < LOW;
  }

  get #isBusy(): boolean {
    return this.#state === DUTY.BUSY || this.#state === DUTY.BRIEF;
  }

  /** Too few listen, or did when it was called: accepts, if those that are busy do not come on. */
  #lookOn(): void {
    const load = dutyLoad(this.#own[0] as number);
    if (this.#listening() >= LOW) {
      // Else it is off already.
      if (this.#state !== DUTY.ALERT || !this.#mustStay(load)) return;
    }
    if (this.#able() < LOW) {
      this.#waited = true;
      this.#orders.listen();
      return;
    }
    this.#seen = this.#all.slice(0, this.#span);
    this.#set(DUTY.ALERT, load);
    if (this.#isOnCall) return;
    this.#isOnCall = true;
    setTimeout(() => {
      this.#isOnCall = false;
      if (this.#state === DUTY.ALERT) this.#lookOn();
    }, PATIENCE).unref();
  }

  /** How many others listen, as of the last look, or are busy for a moment and have come on since the one before. */
  #able(): number {
    let count = 0;
    for (let index = 0; index < this.#span; index++) {
      const word = this.#all[index] as number;
      const state = dutyState(word);
      if (index === this.#index) continue;
      if (state === DUTY.LISTENING || (state === DUTY.BRIEF && word !== this.#seen[index])) count++;
    }
    return count;
  }

  #isAhead(load: number): boolean {
    if (load < BALANCE.from) return false;
    this.#read();
    let least = load;
    for (let index = 0; index < this.#span; index++) {
      const word = this.#all[index] as number;
      if (word !== 0 && index !== this.#index) least = Math.min(least, dutyLoad(word));
    }
    if (load - least <= BALANCE.slack + load * BALANCE.share) return false;
    this.#set(DUTY.OFF, load);
    if (this.#active) this.#wakeOne();
    this.#aside = true;
    setTimeout(() => {
      this.#aside = false;
      this.#waited = true;
      this.#orders.listen();
    }, BALANCE.pause);
    return true;
  }

  #lookRound(): void {
    this.#span = DUTY_SLOTS;
    this.#read();
    this.#span = this.#all.findLastIndex((word) => word !== 0) + 1;
    const active = this.#index < DUTY_SLOTS && this.#all.reduce((count, word) => count + Number(word !== 0), 0) > FEW;
    const load = dutyLoad(this.#own[0] as number);
    if (active && !this.#active) this.#say(this.#state, load);
    if (!active && this.#active) this.#handOver(DUTY.BUSY, load);
    this.#active = active;
    if (this.#state === DUTY.OFF) {
      // Those that listen may all be blocked by something else than a connection: look whether one waits.
      this.#waited = true;
      this.#orders.listen();
      setTimeout(() => this.#trim(), LOOK).unref();
    } else {
      this.#trim();
    }
  }

  /** Of too many that listen and wait, some go. */
  #trim(): void {
    if (!this.#active || this.#state !== DUTY.LISTENING || this.#listening() < HIGH) return;
    const load = dutyLoad(this.#own[0] as number);
    if (this.#mustStay(load)) this.#set(DUTY.LISTENING, load);
    else this.#orders.rest();
  }

  /** The one that is alert, or of those that rest the one with the least load, counted from the own place so that they take turns. */
  #wakeOne(): void {
    let chosen = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let step = 1; step < this.#span; step++) {
      const index = (this.#index + step) % this.#span;
      const word = this.#all[index] as number;
      const state = dutyState(word);
      if (state === DUTY.ALERT) {
        // It looks on anyway.
        if (this.#state === DUTY.BRIEF) return;
        chosen = index;
        break;
      }
      if (state !== DUTY.OFF || dutyLoad(word) >= least) continue;
      [chosen, least] = [index, dutyLoad(word)];
    }
    const pid = chosen < 0 ? undefined : readSlotAt(chosen)?.pid;
    try {
      if (pid) process.kill(pid, 'SIGURG');
    } catch {
      // It has just died; the master will notice.
    }
  }

  /** How many others listen. */
  #listening(): number {
    this.#read();
    let count = 0;
    for (let index = 0; index < this.#span; index++) {
      if (index !== this.#index && dutyState(this.#all[index] as number) === DUTY.LISTENING) count++;
    }
    return count;
  }

  #read(): void {
    readSync(FD.SCOREBOARD, this.#all, 0, Math.min(DUTY_BYTES, this.#span * 4), 0);
  }

  #set(state: DutyState, load: number): void {
    this.#state = state;
    if (this.#active) this.#say(state, load);
  }

  #say(state: DutyState, load: number): void {
    this.#own[0] = dutyWord(state, load, this.#turn);
    if (this.#index < DUTY_SLOTS) writeSync(FD.SCOREBOARD, this.#own, 0, 4, this.#index * 4);
  }
}

import { DUTY, type DutyState } from '../../scoreboard.js';
import { readSlotAt } from '../vitals/board.js';
import { Moments } from './moments.js';
import { Words } from './words.js';

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
  readonly #words: Words;
  readonly #orders: DutyOrders;
  /** It takes part. */
  #active = false;
  #state: DutyState = DUTY.LISTENING;
  /** It has waited for the others, so it is its turn whatever they do. */
  #waited = false;
  /** It is waiting for them. */
  #aside = false;
  /** How often it has been busy. */
  #turn = 0;
  readonly #moments = new Moments();
  #isOnCall = false;
  readonly #round: NodeJS.Timeout;

  constructor(index: number, orders: DutyOrders) {
    this.#words = new Words(index);
    this.#orders = orders;
    this.#round = setInterval(() => this.#lookRound(), ROUND).unref();
    this.#say(DUTY.BUSY, 0);
  }

  /** There is room: whether to accept now. If not, it is told when. `load` is how many places are taken. */
  comes(load: number): boolean {
    if (this.#isBusy) this.#moments.end();
    if (this.#waited) return this.#goOn(load);
    if (this.#aside || this.#isAhead(load)) return false;
    if (!this.#active || !this.#isEnough()) return this.#goOn(load);
    return this.#mustStay(load) && this.#goOn(load);
  }

  /** There is no room any more. */
  leaves(load: number): void {
    if (!this.#isBusy) this.#begin();
    if (this.#active) this.#handOver(this.#state, load);
  }

  /** A connection that is open takes a place while nothing is accepted: who is on call then, is not. */
  enters(load: number): void {
    if (this.#active && this.#state === DUTY.ALERT) this.leaves(load);
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
    if (this.#state === DUTY.OFF) this.#words.forget();
    if (this.#state === DUTY.OFF || this.#state === DUTY.ALERT) this.#answerCall();
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

  /** Goes off duty, or on call, and looks again: the last one that listened may have turned busy, and have seen nobody to wake. */
  #mustStay(load: number): boolean {
    this.#set(DUTY.OFF, load);
    this.#words.forget();
    return this.#listening() < LOW && !this.#lookOn(load);
  }

  get #isBusy(): boolean {
    return this.#state === DUTY.BUSY || this.#state === DUTY.BRIEF;
  }

  /** Too few listen: is on call, or leaves it to who is; unless those that are busy do not come on. */
  #lookOn(load: number): boolean {
    if (this.#words.able < LOW) return false;
    if (this.#state === DUTY.OFF && this.#words.onCall >= 0) return true;
    this.#words.remember();
    this.#set(DUTY.ALERT, load);
    if (this.#isOnCall) return true;
    this.#isOnCall = true;
    setTimeout(() => {
      this.#isOnCall = false;
      if (this.#state === DUTY.ALERT) this.#answerCall();
    }, PATIENCE).unref();
    return true;
  }

  /** Too few listened. */
  #answerCall(): void {
    const load = this.#words.load;
    const isRelieved = this.#listening() >= LOW;
    // One that is off duty stays so.
    if (isRelieved && (this.#state === DUTY.OFF || !this.#mustStay(load))) return;
    if (!isRelieved && this.#lookOn(load)) return;
    this.#waited = true;
    this.#orders.listen();
    if (this.#state === DUTY.LISTENING) return;
    // The request of a kept connection has its place.
    this.#begin();
    this.#handOver(DUTY.BUSY, load);
  }

  #isAhead(load: number): boolean {
    if (load < BALANCE.from) return false;
    this.#words.read();
    const least = this.#words.least(load);
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
    const active = this.#words.count() > FEW && this.#words.hasPlace;
    const load = this.#words.load;
    const lasts = this.#state === DUTY.BRIEF && this.#moments.isOver();
    if (lasts) this.#state = DUTY.BUSY;
    if (active && lasts) this.#handOver(DUTY.BUSY, load);
    else if (active && !this.#active) this.#say(this.#state, load);
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
    if (!this.#active || this.#state !== DUTY.LISTENING || !this.#isEnough()) return;
    const load = this.#words.load;
    if (this.#mustStay(load)) this.#set(DUTY.LISTENING, load);
    else this.#orders.rest();
  }

  /** The one that is on call, if there is one: it looks on anyway, unless this one is busy for longer. */
  #wakeOne(): void {
    const { onCall } = this.#words;
    if (onCall >= 0 && this.#state === DUTY.BRIEF) return;
    const chosen = onCall >= 0 ? onCall : this.#words.resting;
    const pid = chosen < 0 ? undefined : readSlotAt(chosen)?.pid;
    try {
      if (pid) process.kill(pid, 'SIGURG');
    } catch {
      // It has just died; the master will notice.
    }
  }

  /** Whether so many listen, or will in a moment, that this one may go. */
  #isEnough(): boolean {
    this.#words.read();
    this.#words.forget();
    return this.#words.able >= HIGH;
  }

  /** How many others listen. */
  #listening(): number {
    this.#words.read();
    return this.#words.listening;
  }

  #set(state: DutyState, load: number): void {
    this.#state = state;
    if (this.#active) this.#say(state, load);
  }

  #say(state: DutyState, load: number): void {
    this.#words.say(state, load, this.#turn);
  }
}

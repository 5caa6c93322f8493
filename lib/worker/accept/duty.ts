import { DUTY } from '../../scoreboard/scoreboard.js';
import type { AcceptorOptions } from './accept-options.js';
import { BALANCE, ENOUGH, FEW, LOW, SELDOM, TIME } from './duty-limits.js';
import { Standing } from './standing.js';
import type { DutyClock } from './steadiness.js';

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
 * Where all that was served lately was short, which the words tell too, and is over within its turn of the event loop, as many serve as there are CPUs, and the same ones again: one more would take
 * from their share of the CPUs, and needs code and data that are not in the caches. It does not count then how long a request has waited for a CPU.
 *
 * Nobody counts on one whose word says, by another bit, that something has kept its event loop lately while it listened.
 *
 * The words hold the load too: an acceptor that is far ahead of the least loaded one lets others go first.
 */
export class Duty {
  readonly #own: Standing;
  readonly #orders: DutyOrders;
  /** It has waited for the others, so it is its turn whatever they do. */
  #waited = false;
  /** It is waiting for them. */
  #aside = false;
  /** So many others serve, or do nothing, that it may go when its turn is over. */
  #maySpare = false;
  #isOnCall = false;
  readonly #round: NodeJS.Timeout;

  constructor({ slot, capacity }: Pick<AcceptorOptions, 'slot' | 'capacity'>, orders: DutyOrders, clock?: DutyClock) {
    this.#own = new Standing(slot, capacity, clock);
    this.#orders = orders;
    this.#round = setInterval(() => this.#lookRound(), TIME.ROUND).unref();
    this.#own.say(DUTY.BUSY, 0);
  }

  /** There is room: whether to accept now. If not, it is told when. `load` is how many places are taken. */
  comes(load: number): boolean {
    const own = this.#own;
    if (own.isBusy) own.end();
    if (this.#waited) return this.#goOn(load);
    if (this.#aside || this.#isAhead(load)) return false;
    if (!own.active || !own.isEnough()) return this.#goOn(load);
    return this.#mustStay(load) && this.#goOn(load);
  }

  /** There is no room any more. */
  leaves(load: number): void {
    const own = this.#own;
    if (!own.isBusy) own.begin();
    own.isWithin = false;
    if (own.active) own.handOver(own.state, load);
  }

  /** A connection that is open takes a place while nothing is accepted: who is on call then, is not. */
  enters(load: number): void {
    if (this.#own.active && this.#own.state === DUTY.ALERT) this.leaves(load);
  }

  /** There is none until this turn of the event loop is over. {@link Duty.ends} or {@link Duty.leaves} follows. */
  begins(load: number): void {
    const own = this.#own;
    if (!own.active) return;
    own.begin();
    own.handOver(own.state, load);
    if (own.isQuick && own.isLookDue) this.#maySpare = own.hasEnough();
  }

  /** There is room again, within that turn. */
  ends(load: number): void {
    const own = this.#own;
    if (!own.active || !own.isBusy) return;
    own.end();
    own.isWithin = true;
    own.set(DUTY.LISTENING, load);
    if (this.#maySpare) this.#rest(load);
    else if (!own.isQuick && own.turn % SELDOM === 0) this.#trim();
    this.#maySpare = false;
  }

  /** A connection has been accepted and there is room: whether to leave the next one to others. */
  givesWay(load: number): boolean {
    if (this.#own.active) {
      this.leaves(load);
      // Until this turn of the loop is over, which a handler may make long; and the next one, in which mostly the request is read.
      if (this.#own.isKnownShort) setImmediate(this.#orders.listen);
      else setImmediate(() => setImmediate(this.#orders.listen));
      return true;
    }
    if (load < BALANCE.from) return false;
    this.#own.say(DUTY.BUSY, load);
    return this.#isAhead(load);
  }

  /** Another acceptor asks for help. */
  called(): void {
    const own = this.#own;
    if (own.state === DUTY.OFF) own.words.forget();
    if (own.state === DUTY.OFF || own.state === DUTY.ALERT) this.#answerCall();
  }

  /** It takes no part any more: `BUSY` while it still accepts, for others must not take it for gone. */
  close(state: typeof DUTY.NONE | typeof DUTY.BUSY): void {
    const own = this.#own;
    clearInterval(this.#round);
    own.state = state;
    if (own.active) own.handOver(state, 0);
    else own.say(state, 0);
    // A look that is under way says nothing more.
    own.active = false;
  }

  #goOn(load: number): true {
    this.#waited = false;
    this.#own.set(DUTY.LISTENING, load);
    return true;
  }

  /** Goes off duty, or on call, and looks again: the last one that listened may have turned busy, and have seen nobody to wake. */
  #mustStay(load: number): boolean {
    const own = this.#own;
    own.set(DUTY.OFF, load);
    own.words.forget();
    const isMissed = own.listening() < LOW && !this.#lookOn(load);
    own.words.remember();
    return isMissed;
  }

  /** Too few listen: is on call, or leaves it to who is; unless those that are busy do not come on. */
  #lookOn(load: number): boolean {
    const own = this.#own;
    if (own.words.able < LOW) return false;
    if (own.state === DUTY.OFF && own.words.onCall >= 0) return true;
    own.words.remember();
    own.set(DUTY.ALERT, load);
    if (this.#isOnCall) return true;
    this.#isOnCall = true;
    setTimeout(() => {
      this.#isOnCall = false;
      if (own.state === DUTY.ALERT) this.#lookAfter();
    }, TIME.PATIENCE).unref();
    return true;
  }

  /** Is on call, and has waited for those that serve. */
  #lookAfter(): void {
    const own = this.#own;
    own.read();
    const { load, listening, comingOn } = own.words;
    // Fewer than there are CPUs: one more has one of its own.
    if (listening < LOW && own.areAllShort && comingOn < ENOUGH) this.#answer(load);
    else this.#answerCall();
  }

  /** Too few listened. */
  #answerCall(): void {
    const own = this.#own;
    const { load } = own.words;
    const isRelieved = own.listening() >= LOW;
    // One that is off duty stays so.
    if (isRelieved && (own.state === DUTY.OFF || !this.#mustStay(load))) return;
    if (!isRelieved && this.#lookOn(load)) return;
    this.#answer(load);
  }

  #answer(load: number): void {
    const own = this.#own;
    this.#waited = true;
    const isDoubtful = own.doubts();
    this.#orders.listen();
    if (own.state === DUTY.LISTENING) {
      if (isDoubtful) own.handOver(DUTY.LISTENING, load);
      return;
    }
    // The request of a kept connection has its place.
    own.begin();
    own.handOver(DUTY.BUSY, load);
  }

  #isAhead(load: number): boolean {
    const own = this.#own;
    if (load < BALANCE.from) return false;
    own.read();
    const least = own.words.least(load);
    if (load - least <= BALANCE.slack + load * BALANCE.share) return false;
    own.set(DUTY.OFF, load);
    if (own.active) own.wakeOne();
    this.#aside = true;
    setTimeout(() => {
      this.#aside = false;
      this.#waited = true;
      this.#orders.listen();
    }, BALANCE.pause);
    return true;
  }

  #lookRound(): void {
    const own = this.#own;
    const active = own.words.count() > FEW && own.words.hasPlace;
    const load = own.words.load;
    own.heed();
    own.moments.forget();
    own.steadiness.forget();
    const { lasts } = own;
    if (lasts) own.state = DUTY.BUSY;
    if (active && lasts) own.handOver(DUTY.BUSY, load);
    else if (active && (!own.active || own.isOutdated)) own.say(own.state, load);
    if (!active && own.active) own.handOver(DUTY.BUSY, load);
    own.active = active;
    if (own.state === DUTY.OFF || (own.state === DUTY.ALERT && !active)) {
      const areSeen = active && own.areAllShort && own.words.comingOn >= ENOUGH;
      own.words.remember();
      if (areSeen) return;
      // Those that listen may all be blocked by something else than a connection: look whether one waits.
      this.#waited = true;
      this.#orders.listen();
      setTimeout(() => this.#trim(), TIME.LOOK).unref();
    } else {
      this.#trim();
    }
  }

  /** Of too many that listen and wait, some go. */
  #trim(): void {
    const own = this.#own;
    if (own.active && own.state === DUTY.LISTENING && own.isEnough()) this.#rest(own.words.load);
  }

  #rest(load: number): void {
    if (this.#mustStay(load)) this.#own.set(DUTY.LISTENING, load);
    else this.#orders.rest();
  }
}

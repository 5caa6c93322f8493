import { DUTY } from '../../scoreboard/scoreboard.js';
import type { AcceptorOptions } from './accept-options.js';
import { BALANCE, ENOUGH, FEW, LOW, SELDOM, TIME } from './duty-limits.js';
import type { Lull } from './lull.js';
import { Standing } from './standing.js';
import type { DutyClock } from './steadiness.js';

type Place = Pick<AcceptorOptions, 'slot' | 'capacity'>;

/** What the roster orders. */
export interface DutyOrders {
  /** Accept, if there is room. */
  readonly listen: () => void;
  /** Leave the accepting to others. */
  readonly rest: () => void;
}

/**
 * One acceptor's part in the duty roster: of many idle acceptors only a few listen, since every connection wakes each
 * one that does. The figures behind it are in docs/DESIGN.md, "Duty roster".
 *
 * The roster has a word per acceptor on the scoreboard: what the acceptor does (a state of {@link DUTY}), its load, and
 * a number that changes each time it turns busy. No connection may wait while some acceptor could take it. So an
 * acceptor writes its own word *before* it reads the others': of two that decide at the same time, one sees the other.
 * An acceptor that rests reads the words again after it has written its own, and each second. SIGURG, which processes
 * ignore by default, wakes it.
 *
 * An acceptor that takes no part says BUSY, so that nobody counts on it. That is so where there are few acceptors, and
 * in the first second of each one, since the others notice in their own rounds that it is there.
 *
 * Waking an acceptor is expensive, above all where there are more acceptors than CPUs: each process has its own code
 * and data to bring into the caches. So an acceptor whose places are taken only for a moment says BRIEF instead of
 * BUSY. One that is woken because of that is "on call" first (ALERT): it watches, and accepts when the busy ones do not
 * come on, that is, when the numbers in their words do not change. So as long as requests are short, the same few
 * acceptors serve all of them. A long request that nobody expected keeps others waiting for 20 ms at most.
 *
 * The words also say whether all that was served lately was short. Where it was, and requests are over within their
 * turn of the event loop, as many acceptors serve as there are CPUs, and always the same ones: one more would take from
 * their share of the CPUs, and its code and data are not in the caches. How long a request has waited for a CPU does
 * not count then.
 *
 * Where all was short, the word of an acceptor with one place goes on to say BRIEF between one request and the next,
 * and is written each few milliseconds only. That is as safe as to write it for each request: it says "has no room" for
 * more time than is true. The others see it when they turn busy or rest, and the one on call sees whether it changes.
 *
 * Another bit of the word says that something has kept the acceptor's event loop lately while it listened: the acceptor
 * is not steady, and nobody counts on it.
 *
 * The words hold the load too: an acceptor that is far ahead of the least loaded one lets others go first.
 */
export class Duty {
  readonly #own: Standing;
  readonly #orders: DutyOrders;
  /** This acceptor has waited for the others, so it listens next time whatever they do. */
  #waited = false;
  /** This acceptor is ahead of the others by its load, and is letting them go first. */
  #aside = false;
  /** Enough others serve, or listen, so that this acceptor may rest when its turn of the event loop is over. */
  #maySpare = false;
  /** The timer of `#lookOn` runs. */
  #isOnCall = false;
  readonly #round: NodeJS.Timeout;

  constructor({ slot, capacity }: Place, lull: Lull, orders: DutyOrders, clock?: DutyClock) {
    this.#own = new Standing(slot, capacity, lull, clock);
    this.#orders = orders;
    this.#round = setInterval(() => this.#lookRound(), TIME.ROUND).unref();
    this.#own.say(DUTY.BUSY, 0);
  }

  /**
   * There is room: returns whether to accept now. If not, {@link DutyOrders.listen} says when. `load` is how many
   * places are taken.
   */
  comes(load: number): boolean {
    const own = this.#own;
    if (own.isBusy) own.end();
    if (this.#waited) return this.#goOn(load);
    if (this.#aside || this.#isAhead(load)) return false;
    if (own.active && own.isSaid) return own.linger(load, this.#onIdle);
    if (!own.active || !own.isEnough()) return this.#goOn(load);
    return this.#mustStay(load) && this.#goOn(load);
  }

  /** There is no room any more, perhaps for long. */
  leaves(load: number): void {
    const own = this.#own;
    if (!own.isBusy) own.begin();
    own.hold();
    own.isWithin = false;
    if (own.active && !own.isSaid) own.handOver(own.state, load);
  }

  /**
   * While nothing is accepted, a connection that was open already takes a place: an acceptor on call is busy from then
   * on.
   */
  enters(load: number): void {
    if (this.#own.active && this.#own.state === DUTY.ALERT) this.leaves(load);
  }

  /** There is no room until this turn of the event loop is over. {@link Duty.ends} or {@link Duty.leaves} follows. */
  begins(load: number): void {
    const own = this.#own;
    if (!own.active) return;
    own.begin();
    if (own.isSaid) return;
    own.handOver(own.state, load);
    if (own.isQuick && own.isLookDue) this.#maySpare = own.hasEnough();
  }

  /** There is room again, within the same turn of the event loop as {@link Duty.begins}. */
  ends(load: number): void {
    const own = this.#own;
    if (!own.active || !own.isBusy) return;
    own.end();
    own.isWithin = true;
    if (!this.#maySpare && own.mayLinger) {
      own.linger(load, this.#onIdle);
      return;
    }
    own.set(DUTY.LISTENING, load);
    if (this.#maySpare) this.#rest(load);
    else if (!own.isQuick && own.turn % SELDOM === 0) this.#trim();
    this.#maySpare = false;
  }

  /** A connection has been accepted and there is still room: returns whether to leave the next one to others. */
  givesWay(load: number): boolean {
    if (this.#own.active) {
      this.leaves(load);
      // It listens again when this turn of the loop is over, which a handler may make long. Unless requests are known
      // to be short, it also waits for the next turn, in which the request is usually read.
      if (this.#own.isKnownShort) setImmediate(this.#orders.listen);
      else setImmediate(() => setImmediate(this.#orders.listen));
      return true;
    }
    if (load < BALANCE.from) return false;
    this.#own.say(DUTY.BUSY, load);
    return this.#isAhead(load);
  }

  /** Another acceptor asks for help, by SIGURG. */
  called(): void {
    const own = this.#own;
    if (own.state === DUTY.OFF) own.words.forget();
    if (own.state === DUTY.OFF || own.state === DUTY.ALERT) this.#answerCall();
  }

  /** It takes no part any more. `state` is `BUSY` while it still accepts: the others must not take it for gone. */
  close(state: typeof DUTY.NONE | typeof DUTY.BUSY): void {
    const own = this.#own;
    clearInterval(this.#round);
    own.state = state;
    if (own.active) own.handOver(state, 0);
    else own.say(state, 0);
    // A timer that still runs must not write the word any more.
    own.active = false;
  }

  /** Nothing has come for a while. Requests beyond their turn leave the look at the others to this moment. */
  readonly #onIdle = (): void => {
    if (!this.#own.isQuick) this.#trim();
  };

  #goOn(load: number): true {
    this.#waited = false;
    this.#own.set(DUTY.LISTENING, load);
    return true;
  }

  /**
   * Goes off duty, or on call, and reads the words again: the last acceptor that listened may have turned busy before
   * it could see that this one rests and can be woken. Returns whether this one must listen after all.
   */
  #mustStay(load: number): boolean {
    const own = this.#own;
    own.set(DUTY.OFF, load);
    own.words.forget();
    const isMissed = own.listening() < LOW && !this.#lookOn(load);
    own.words.remember();
    return isMissed;
  }

  /**
   * Too few listen: goes on call, or leaves that to the acceptor that is on call already. Returns false where the busy
   * ones do not come on, so that this acceptor has to listen itself.
   */
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

  /** This acceptor is on call, and has waited for those that serve. */
  #lookAfter(): void {
    const own = this.#own;
    own.read();
    const { listening, comingOn } = own.words;
    // Fewer come on than there are CPUs: one more would have a CPU of its own.
    if (listening < LOW && own.areAllShort && comingOn < ENOUGH) this.#answer(own.load);
    else this.#answerCall();
  }

  /**
   * Too few listened when this acceptor was called, or went on call: rests, watches or listens, by what the words say
   * now.
   */
  #answerCall(): void {
    const own = this.#own;
    const { load } = own;
    const isRelieved = own.listening() >= LOW;
    // Enough listen by now: an acceptor that is off duty stays so.
    if (isRelieved && (own.state === DUTY.OFF || !this.#mustStay(load))) return;
    if (!isRelieved && this.#lookOn(load)) return;
    this.#answer(load);
  }

  /** Listens, whatever the others do. */
  #answer(load: number): void {
    const own = this.#own;
    this.#waited = true;
    const isDoubtful = own.doubts();
    this.#orders.listen();
    if (own.state === DUTY.LISTENING) {
      if (isDoubtful) own.handOver(DUTY.LISTENING, load);
      return;
    }
    // There is no room: a request of a keep-alive connection has the place. Another acceptor is woken instead.
    own.begin();
    own.handOver(DUTY.BUSY, load);
  }

  /** Whether this acceptor has so much more load than the least loaded one that it pauses, to let others go first. */
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

  /** Each second: notices how many acceptors there are, corrects its own word, and looks whether a connection waits. */
  #lookRound(): void {
    const own = this.#own;
    const active = own.words.count() > FEW && own.words.hasPlace;
    const { load } = own;
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
      // All that listen may be blocked by something other than a connection: listen for a while, in case one waits.
      this.#waited = true;
      this.#orders.listen();
      setTimeout(() => this.#trim(), TIME.LOOK).unref();
    } else {
      this.#trim();
    }
  }

  /** Rests, if this acceptor listens and enough others do. */
  #trim(): void {
    const own = this.#own;
    if (own.active && own.state === DUTY.LISTENING && own.isEnough()) this.#rest(own.load);
  }

  #rest(load: number): void {
    if (this.#mustStay(load)) this.#own.set(DUTY.LISTENING, load);
    else this.#orders.rest();
  }
}

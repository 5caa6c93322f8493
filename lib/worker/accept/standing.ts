import { DUTY, type DutyState } from '../../scoreboard/scoreboard.js';
import { ownThread, ThreadFigures } from '../../system/thread-figures.js';
import { readSlotAt } from '../vitals/board.js';
import { LOOP_TIME } from '../vitals/loop-time.js';
import { ENOUGH, FIRST, HIGH, LOW, SELDOM, TIME } from './duty-limits.js';
import type { Lull } from './lull.js';
import { COLD, Moments } from './moments.js';
import { type DutyClock, Steadiness } from './steadiness.js';
import { Words } from './words.js';

let figures: ThreadFigures | undefined;

const CLOCK: DutyClock = {
  now: LOOP_TIME.now,
  // This costs a system call. The figures are 0 where the system does not provide them.
  figures() {
    figures ??= ThreadFigures.of(ownThread());
    return figures.own;
  },
};

/**
 * What an acceptor does and has done, what it says of that on the duty roster, and what it sees of the others there.
 * {@link Duty} decides what follows from it.
 */
export class Standing {
  readonly words: Words;
  readonly moments: Moments;
  readonly steadiness: Steadiness;
  /** Whether it takes part in the roster. */
  active = false;
  /** What it does. Its word on the roster may be older. */
  state: DutyState = DUTY.LISTENING;
  /** How many places were taken when it last said or did something that others are to know. */
  load = 0;
  /** Whether its last request was over within its turn of the event loop. */
  isWithin = false;
  /** How often it has been busy. */
  turn = 0;
  readonly #lull: Lull;
  readonly #now: () => number;
  /** Whether what the others have served lately was short, as of the last time the words were read. */
  #areShort = false;
  /** How long it has had no room in all, milliseconds, not counting now; and since when it has none, if that is so. */
  #sum = 0;
  #since: number | undefined;
  readonly #isSingle: boolean;
  /** When its word was last written, and whether the timer of {@link Standing.linger} runs. */
  #said = Number.NEGATIVE_INFINITY;
  #isLingering = false;
  /** When its last request was over. */
  #ended = 0;
  /** When it last looked whether it is one too many, and how often it has since it last rested. */
  #looked = 0;
  #looks = 0;

  /**
   * @param places - with more than one, the event loop may turn while there is no room, so that time is not deducted.
   */
  constructor(index: number, places: number, lull: Lull, clock: DutyClock = CLOCK) {
    this.words = new Words(index);
    this.moments = new Moments(clock.figures);
    this.#lull = lull;
    this.#now = clock.now;
    this.#isSingle = places === 1;
    this.steadiness = new Steadiness(clock, places > 1 ? () => 0 : () => this.#busy());
  }

  get isBusy(): boolean {
    return this.state === DUTY.BUSY || this.state === DUTY.BRIEF;
  }

  /** Whether what all acceptors have served lately was short, this one included. */
  get areAllShort(): boolean {
    return this.#areShort && this.moments.areShort;
  }

  /** Whether all is short and nothing else has kept this event loop, as seen over more than its first requests. */
  get isKnownShort(): boolean {
    return this.turn > COLD.count && this.areAllShort && this.steadiness.holds;
  }

  /** Whether all is short, and what this acceptor serves is over within its turn of the event loop. */
  get isQuick(): boolean {
    return this.areAllShort && this.isWithin;
  }

  /**
   * Whether its word may go on to say BRIEF while it listens between short requests. With room for several the word
   * is written each time, since it also tells others the load.
   */
  get mayLinger(): boolean {
    return this.#isSingle && this.words.state === DUTY.BRIEF && this.isKnownShort;
  }

  /** Whether it is busy for a moment, and its word says so since a moment ago: it need not be written. */
  get isSaid(): boolean {
    return this.state === DUTY.BRIEF && this.mayLinger && this.#now() - this.#said < TIME.APART;
  }

  /** Whether it has been busy for longer than expected: its word says BRIEF, and the moment is over. */
  get lasts(): boolean {
    return this.state === DUTY.BRIEF && this.moments.isOver(this.#now());
  }

  /** It is busy from now on: BRIEF if that is expected to last for a moment only, else BUSY. */
  begin(): void {
    this.turn++;
    this.#since = this.#now();
    this.#lull.restart();
    this.moments.begin(this.#since, this.active);
    this.state = this.areAllShort || this.moments.isExpected ? DUTY.BRIEF : DUTY.BUSY;
  }

  /** It is busy for longer than a turn of the event loop. */
  hold(): void {
    if (this.active && !this.#lull.isTold) this.#lull.begin();
  }

  end(): void {
    const now = this.#now();
    this.#ended = now;
    this.moments.end(now, this.#lull.take());
    this.#sum += this.#since === undefined ? 0 : now - this.#since;
    this.#since = undefined;
    if (this.active) this.steadiness.look(this.#onKept);
  }

  readonly #onKept = (): void => {
    if (this.active) this.handOver(this.state, this.load);
  };

  /**
   * Whether most of those that serve are not steady, as of the last time the words were read. If so, this acceptor says
   * the same of itself from now on: otherwise each newcomer would be counted on until it had found out by itself.
   */
  doubts(): boolean {
    if (!this.words.areUnsteady) return false;
    this.steadiness.doubt();
    return true;
  }

  /** How long it has had no room in all, milliseconds. */
  #busy(): number {
    return this.#sum + (this.#since === undefined ? 0 : this.#now() - this.#since);
  }

  /**
   * Whether it is time to look whether this acceptor is one too many. A newcomer looks each time at first, so that it
   * is the one to rest: those that have served for longest have their code and data in the caches.
   */
  get isLookDue(): boolean {
    const now = this.#now();
    if (now - this.#looked < TIME.APART) return false;
    this.#looked = now;
    return ++this.#looks <= FIRST || this.#looks % SELDOM === 0;
  }

  set(state: DutyState, load: number): void {
    this.state = state;
    this.load = load;
    if (state === DUTY.OFF) this.#looks = 0;
    if (this.active) this.say(state, load);
  }

  /**
   * Listens, while its word goes on to say BRIEF: that of a worker that serves one short request after the other is
   * written each few milliseconds, and not twice for each request. When nothing has come for a while, the word says
   * LISTENING, and `onIdle` is called.
   */
  linger(load: number, onIdle: () => void): true {
    this.state = DUTY.LISTENING;
    this.load = load;
    if (!this.#isLingering) this.#lingerFor(TIME.LINGER, onIdle);
    return true;
  }

  #lingerFor(time: number, onIdle: () => void): void {
    this.#isLingering = true;
    const { turn } = this;
    setTimeout(() => {
      this.#isLingering = false;
      if (!this.active || this.state !== DUTY.LISTENING || this.words.state !== DUTY.BRIEF) return;
      const left = this.#ended + TIME.LINGER - this.#now();
      if (this.turn !== turn && left > 0) {
        this.#lingerFor(left, onIdle);
        return;
      }
      this.say(DUTY.LISTENING, this.load);
      onIdle();
    }, time).unref();
  }

  say(state: DutyState, load: number): void {
    this.#said = this.#now();
    this.load = load;
    this.words.say(state, load, this.turn, !this.moments.areShort, !this.steadiness.holds);
  }

  /** Whether one of the two bits of its word, about long work and steadiness, is no longer true. */
  get isOutdated(): boolean {
    return this.words.isLong === this.moments.areShort || this.words.isUnsteady === this.steadiness.holds;
  }

  read(): void {
    this.words.read();
    this.heed();
  }

  /** Takes note of the words that have been read. */
  heed(): void {
    this.#areShort = this.words.areShort;
  }

  /** Reads the words, and returns how many others listen. */
  listening(): number {
    this.read();
    return this.words.listening;
  }

  /** Says that it is not to be counted on; if too few others are left, wakes one. */
  handOver(state: DutyState, load: number): void {
    this.say(state, load);
    // An acceptor that is back within this turn of the loop needs no replacement, as long as one other listens.
    const least = state === DUTY.BRIEF && this.isQuick ? 1 : LOW;
    if (this.listening() < least) this.wakeOne();
  }

  /**
   * Wakes the acceptor on call, if there is one, else one that rests. While this one is BRIEF, the one on call watches
   * anyway, and needs no signal.
   */
  wakeOne(): void {
    const { onCall } = this.words;
    if (onCall >= 0 && this.state === DUTY.BRIEF) return;
    // Where all is short, always the same ones are woken: their caches are warm.
    const chosen = onCall >= 0 ? onCall : this.words.resting(this.isQuick);
    if (chosen >= 0) wake(chosen);
  }

  /** Reads the words, and returns whether so many others listen, or will in a moment, that this one may rest. */
  isEnough(): boolean {
    this.read();
    return this.hasEnough();
  }

  /**
   * The same, of words that have been read already. Where all is short, acceptors that serve one request after the
   * other are enough when they keep the CPUs busy.
   */
  hasEnough(): boolean {
    const { listening, present, idle, comingOn } = this.words;
    this.words.remember();
    if (this.isQuick) return idle >= HIGH || comingOn >= ENOUGH;
    return listening >= HIGH || present >= Math.max(HIGH, ENOUGH);
  }
}

/** Wakes an acceptor. The signal reaches all acceptors (threads) of its process; each decides for itself. */
function wake(index: number): void {
  const pid = readSlotAt(index)?.pid;
  try {
    if (pid) process.kill(pid, 'SIGURG');
  } catch {
    // The process has just died; the master will notice.
  }
}

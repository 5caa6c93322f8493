import { DUTY, type DutyState } from '../../scoreboard/scoreboard.js';
import { ownThread, ThreadFigures } from '../../system/thread-figures.js';
import { readSlotAt } from '../vitals/board.js';
import { ENOUGH, FIRST, HIGH, LOW, SELDOM, TIME } from './duty-limits.js';
import { COLD, Moments } from './moments.js';
import { type DutyClock, Steadiness } from './steadiness.js';
import { Words } from './words.js';

let figures: ThreadFigures | undefined;

const CLOCK: DutyClock = {
  now: () => performance.now(),
  // A system call; zeros where the system does not tell.
  figures() {
    figures ??= ThreadFigures.of(ownThread());
    return figures.own;
  },
};

/** What an acceptor does and has done, what it says of that on the duty roster, and what it sees of the others there. What follows from it is for {@link Duty} to decide. */
export class Standing {
  readonly words: Words;
  readonly moments: Moments;
  readonly steadiness: Steadiness;
  /** It takes part. */
  active = false;
  /** What it does. Its word may be behind. */
  state: DutyState = DUTY.LISTENING;
  /** Its last request was over within its turn of the event loop. */
  isWithin = false;
  /** How often it has been busy. */
  turn = 0;
  readonly #now: () => number;
  /** What the others have served lately was short, as of the last look. */
  #areShort = false;
  /** How long it has had no room so far, without the present time; and since when it has none. */
  #sum = 0;
  #since: number | undefined;
  /** When it has last looked whether it is one too many, and how often since it rested. */
  #looked = 0;
  #looks = 0;

  /** @param places - with several, that it has no room tells nothing of what its event loop does. */
  constructor(index: number, places: number, clock: DutyClock = CLOCK) {
    this.words = new Words(index);
    this.moments = new Moments(clock.figures);
    this.#now = clock.now;
    this.steadiness = new Steadiness(clock, places > 1 ? () => 0 : () => this.#busy());
  }

  get isBusy(): boolean {
    return this.state === DUTY.BUSY || this.state === DUTY.BRIEF;
  }

  /** What any acceptor has served lately was short. */
  get areAllShort(): boolean {
    return this.#areShort && this.moments.areShort;
  }

  /** And nothing else keeps event loops, as far as this one has seen with more than its first ones. */
  get isKnownShort(): boolean {
    return this.turn > COLD.count && this.areAllShort && this.steadiness.holds;
  }

  /** And what this one serves is over within its turn of the event loop. */
  get isQuick(): boolean {
    return this.areAllShort && this.isWithin;
  }

  /** It is busy for longer than it was expected to be. */
  get lasts(): boolean {
    return this.state === DUTY.BRIEF && this.moments.isOver(this.#now());
  }

  /** It is busy from now on. */
  begin(): void {
    this.turn++;
    this.#since = this.#now();
    this.moments.begin(this.#since, this.active);
    this.state = this.areAllShort || this.moments.isExpected ? DUTY.BRIEF : DUTY.BUSY;
  }

  end(): void {
    const now = this.#now();
    this.moments.end(now);
    this.#sum += this.#since === undefined ? 0 : now - this.#since;
    this.#since = undefined;
    if (this.active) this.steadiness.look(this.#onKept);
  }

  readonly #onKept = (): void => {
    if (this.active) this.handOver(this.state, this.words.load);
  };

  /** Whether this one is not to be counted on either, since most of those that serve are not, as of the last look: else each that comes would be, until it has found out by itself. */
  doubts(): boolean {
    if (!this.words.areUnsteady) return false;
    this.steadiness.doubt();
    return true;
  }

  #busy(): number {
    return this.#sum + (this.#since === undefined ? 0 : this.#now() - this.#since);
  }

  /** Whether it is time to look whether this one is one too many: each time in its first looks, so that who has served for longest goes on, since its code and data are in the caches. */
  get isLookDue(): boolean {
    const now = this.#now();
    if (now - this.#looked < TIME.APART) return false;
    this.#looked = now;
    return ++this.#looks <= FIRST || this.#looks % SELDOM === 0;
  }

  set(state: DutyState, load: number): void {
    this.state = state;
    if (state === DUTY.OFF) this.#looks = 0;
    if (this.active) this.say(state, load);
  }

  say(state: DutyState, load: number): void {
    this.words.say(state, load, this.turn, !this.moments.areShort, !this.steadiness.holds);
  }

  /** Its word says what is no longer so of its work. */
  get isOutdated(): boolean {
    return this.words.isLong === this.moments.areShort || this.words.isUnsteady === this.steadiness.holds;
  }

  read(): void {
    this.words.read();
    this.heed();
  }

  /** The words have been read. */
  heed(): void {
    this.#areShort = this.words.areShort;
  }

  /** How many others listen. */
  listening(): number {
    this.read();
    return this.words.listening;
  }

  /** Nobody can count on this one any more: if too few are left, another one is called. */
  handOver(state: DutyState, load: number): void {
    this.say(state, load);
    // Who is back at once needs nobody, as long as there is another one.
    const least = state === DUTY.BRIEF && this.isQuick ? 1 : LOW;
    if (this.listening() < least) this.wakeOne();
  }

  /** The one that is on call, if there is one: it looks on anyway, unless this one is busy for longer. */
  wakeOne(): void {
    const { onCall } = this.words;
    if (onCall >= 0 && this.state === DUTY.BRIEF) return;
    // Of those that serve what is short, the same ones again: they know how.
    const chosen = onCall >= 0 ? onCall : this.words.resting(this.isQuick);
    if (chosen >= 0) wake(chosen);
  }

  /** Whether so many listen, or will in a moment, that this one may go. */
  isEnough(): boolean {
    this.read();
    return this.hasEnough();
  }

  /** As of the last look. Where all is short, those that serve one request after the other are enough when they keep the CPUs busy. */
  hasEnough(): boolean {
    const { present, idle, comingOn } = this.words;
    this.words.remember();
    return this.isQuick ? idle >= HIGH || comingOn >= ENOUGH : present >= HIGH;
  }
}

/** Calls an acceptor that rests: all of its process, of which each decides for itself. */
function wake(index: number): void {
  const pid = readSlotAt(index)?.pid;
  try {
    if (pid) process.kill(pid, 'SIGURG');
  } catch {
    // It has just died; the master will notice.
  }
}

import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { monotonic } from '../../monotonic.js';
import { DUTY } from '../../scoreboard/scoreboard.js';
import { readDuties, writeDuty } from '../vitals/board.js';

/** Between two looks at what the others do. Milliseconds. */
const PAUSE = 5;
/** Clients that do not notice that the Arbiter stops could fill a queue for ever: after so long it is made short. Milliseconds. */
const PATIENCE = 1_000;

/** What the last call needs of an acceptor. */
export interface Caller {
  /** Its place on the duty roster. */
  readonly index: number;
  /** Whether it accepts now: it has room. */
  readonly isOpen: boolean;
  /** How many connections it has ever accepted. */
  readonly accepted: number;
  /** Whether the call is broken off. */
  readonly left: boolean;
  /** Makes the queues short: who finds them full is refused in the end. */
  shorten(): void;
}

/**
 * Has an acceptor go on until nobody waits at its sockets any more, of which all others take leave too. Resolves when it may
 * close them, on `until` at the latest.
 *
 * What waits at that moment would be reset. So the last one to leave must have seen the queues empty; one that has no room
 * may go when another one has, so that no socket stays open for a slow request. On the duty roster LISTENING means here: nobody waits. As everywhere
 * there, the own word is written before the others are read. It stays LEAVING until the sockets are closed, or an earlier one that is slow to close them would
 * keep them open behind the last one; threads of one process close them together, when all have left.
 *
 * @param mates - the places of the threads of this process.
 */
export async function lastCall(caller: Caller, until: number, mates: readonly number[]): Promise<void> {
  const shortAt = monotonic() + PATIENCE;
  let short = false;
  writeDuty(caller.index, DUTY.BUSY);
  while (!caller.left && monotonic() < until) {
    if (!short && monotonic() > shortAt) {
      short = true;
      caller.shorten();
    }
    const empty = await seesNobody(caller);
    const own = empty ? DUTY.LISTENING : DUTY.BUSY;
    writeDuty(caller.index, own);
    if (empty && othersOf(caller).every(([index, state]) => state === DUTY.LEAVING && mates.includes(index))) break;
    if ((empty || !caller.isOpen) && isRelieved(caller, empty)) {
      writeDuty(caller.index, DUTY.LEAVING);
      // That one may do the same at this moment; or it saw nobody wait, and this one gone, and has left as the last.
      if (isRelieved(caller, empty) || othersOf(caller).length === 0) return;
      writeDuty(caller.index, own);
    }
    if (empty || !caller.isOpen) await delay(PAUSE);
  }
  // One that has broken it off has closed them.
  writeDuty(caller.index, caller.left ? DUTY.NONE : DUTY.LEAVING);
}

/** While the doors were open, a whole turn of the event loop brought nobody. */
async function seesNobody(caller: Caller): Promise<boolean> {
  const { accepted, isOpen } = caller;
  if (!isOpen) return false;
  await turn();
  await turn();
  return caller.isOpen && caller.accepted === accepted;
}

/** Those that have not left. One without a place on the roster is counted on by nobody, and need not wait for anybody. */
function othersOf({ index }: Caller): [index: number, state: number][] {
  const duties = readDuties();
  return index < duties.length ? [...duties.entries()].filter(([other, state]) => other !== index && state !== 0) : [];
}

/** Whether another one waits for clients. Of two that both do, the one with the lower place stays. */
function isRelieved(caller: Caller, waits: boolean): boolean {
  return othersOf(caller).some(([index, state]) => state === DUTY.LISTENING && (!waits || index < caller.index));
}

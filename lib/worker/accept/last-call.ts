import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { monotonic } from '../../monotonic.js';
import { DUTY } from '../../scoreboard/scoreboard.js';
import { readDuties, writeDuty } from '../vitals/board.js';

/** Time between two looks at what the other acceptors do. Milliseconds. */
const PAUSE = 5;
/**
 * Clients that do not notice that the Arbiter stops could keep filling an accept queue: after this time the queue is
 * made short. Milliseconds.
 */
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
  /** Makes the accept queues short: clients that find them full are refused in the end. */
  shorten(): void;
}

/**
 * The last call: while all acceptors leave the listening sockets, this one goes on accepting until no client waits in
 * their queues any more. Resolves when it may close the sockets, at the time `until` at the latest.
 *
 * Clients that still wait when the last descriptor of a socket is closed are reset. So the last acceptor to leave must
 * have seen the queues empty. An acceptor without room may leave when another one has room, so that no socket stays
 * open for a slow request.
 *
 * During the last call, LISTENING on the duty roster means that this acceptor saw nobody wait. As always on the roster,
 * an acceptor writes its own word before it reads the others'. The word of one that leaves stays LEAVING until its
 * sockets are closed: the last acceptor waits for that, or one that left earlier and is slow to close would keep the
 * sockets open after it. Threads of one process close their sockets together, when all of them have left.
 *
 * @param mates - the indices of the threads of this process on the roster.
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
      // The other one may have decided the same at this moment. Or it has left as the last one, since it saw nobody
      // wait and this one gone.
      if (isRelieved(caller, empty) || othersOf(caller).length === 0) return;
      writeDuty(caller.index, own);
    }
    if (empty || !caller.isOpen) await delay(PAUSE);
  }
  // If the call was broken off, the sockets are closed already.
  writeDuty(caller.index, caller.left ? DUTY.NONE : DUTY.LEAVING);
}

/** Whether no connection came in during a whole turn of the event loop in which the sockets were open. */
async function seesNobody(caller: Caller): Promise<boolean> {
  const { accepted, isOpen } = caller;
  if (!isOpen) return false;
  await turn();
  await turn();
  return caller.isOpen && caller.accepted === accepted;
}

/**
 * The other acceptors whose sockets are not closed yet. For an acceptor without a word on the roster there are none:
 * nobody counts on it, and it need not wait for anybody.
 */
function othersOf({ index }: Caller): [index: number, state: number][] {
  const duties = readDuties();
  return index < duties.length ? [...duties.entries()].filter(([other, state]) => other !== index && state !== 0) : [];
}

/** Whether another acceptor waits for clients. Of two that both do, the one with the lower index stays. */
function isRelieved(caller: Caller, waits: boolean): boolean {
  return othersOf(caller).some(([index, state]) => state === DUTY.LISTENING && (!waits || index < caller.index));
}

/* The Arbiters that run in this process: whoever succeeds it runs the host's script, with all of them, so this is kept per process. */
import type { ArbiterError } from '../../errors.js';
import type { ResolvedOptions } from '../../options/resolved.js';
import { pace } from '../../pace.js';
import type { Listener } from '../sockets/listener.js';

/** How long the process before this one may take to tell this one to end, when it has learnt of a start that has failed. Milliseconds. */
const WORD_OF_THE_PREDECESSOR: number = pace('wordOfThePredecessor', 5_000);

/** What one Arbiter of this process serves. */
export interface Estate {
  readonly name: string;
  readonly limits: Pick<ResolvedOptions, 'clocks' | 'drainDelay' | 'gracefulTimeout'>;
  /** None before they are bound. */
  listeners: readonly Listener[];
  /** Its workers are ready. */
  serves: boolean;
  /** It has been told to end, or could not start: nobody is to take over from it any more, and its descriptors may be closed. */
  leaves: boolean;
  /** A signal has asked it for an upgrade that has not begun. */
  asks: boolean;
  /** Another process serves all of this one too. */
  onSuccessor(pid: number): void;
  /** It has ended, and this one has not. */
  onBackedOut(): void;
  /** An upgrade that was asked for by a signal has failed. */
  onError(error: ArbiterError): void;
  /** What it waits for may have come. */
  wake(): void;
}

/** In the order of their start. */
const estates = new Set<Estate>();
/** What is called at each change of them. */
const looks = new Set<() => void>();

export function allEstates(): readonly Estate[] {
  return [...estates];
}

/** An Arbiter has begun to start; returns what ends that. */
export function ownEstate(estate: Estate): () => void {
  estates.add(estate);
  return () => {
    estates.delete(estate);
    changed();
  };
}

/** It is to end, which is said once or more often. Returns whether it is the first time. */
export function markLeaving(estate: Estate): boolean {
  if (estate.leaves) return false;
  estate.leaves = true;
  changed();
  return true;
}

/** One that does not serve yet, and may come to. */
export function starting(): Estate | undefined {
  return allEstates().find(({ serves, leaves }) => !serves && !leaves);
}

/**
 * An Arbiter could not start, and the process before this one tells this one to end by that: resolves when the other Arbiters have ended that
 * it tells in time. A host that ends when it learns of the failure would cut their clients.
 */
export function othersEnded(): Promise<void> {
  let late = false;
  return new Promise((resolve) => {
    const look = (): void => {
      // Until it is late, each of them may still be told.
      const waitsFor = late ? allEstates().filter(({ leaves }) => leaves) : allEstates();
      if (waitsFor.length > 0) return;
      clearTimeout(timer);
      looks.delete(look);
      resolve();
    };
    const timer = setTimeout(() => {
      late = true;
      look();
    }, WORD_OF_THE_PREDECESSOR);
    looks.add(look);
    look();
  });
}

function changed(): void {
  for (const look of looks) look();
  for (const { asks, wake } of estates) if (asks) wake();
}

/*
 * The Arbiters that run in this process. A successor of the process runs the host's script with all of them, so they
 * are kept per process.
 */
import type { ArbiterError } from '../../errors.js';
import type { ResolvedOptions } from '../../options/resolved.js';
import { pace } from '../../pace.js';
import type { Listener } from '../sockets/listener.js';

/**
 * How long the predecessor may take to tell this process to end, once it has learnt that a start has failed.
 * Milliseconds.
 */
const WORD_OF_THE_PREDECESSOR: number = pace('wordOfThePredecessor', 5_000);

/** What one Arbiter of this process serves, and what an upgrade needs to know of it. */
export interface Estate {
  readonly name: string;
  readonly limits: Pick<ResolvedOptions, 'clocks' | 'drainDelay' | 'gracefulTimeout'>;
  /** Empty before they are bound. */
  listeners: readonly Listener[];
  /** Its workers are ready. */
  serves: boolean;
  /**
   * It has been told to end, or could not start. No process is to take over from it any more, and its descriptors may
   * be closed.
   */
  leaves: boolean;
  /** A signal has asked it for an upgrade that has not begun. */
  asks: boolean;
  /** Called when a successor serves all that this Arbiter does. */
  onSuccessor(pid: number): void;
  /** Called when the successor has ended, and this process has not. */
  onBackedOut(): void;
  /** Called when an upgrade that was asked for by a signal has failed. */
  onError(error: ArbiterError): void;
  /** Called when the upgrade that it asks for may have become possible. */
  wake(): void;
}

/** In the order of their start. */
const estates = new Set<Estate>();
/** Called at each change of the estates. */
const looks = new Set<() => void>();

export function allEstates(): readonly Estate[] {
  return [...estates];
}

/** Enters an Arbiter that begins to start. Returns what removes it again. */
export function ownEstate(estate: Estate): () => void {
  estates.add(estate);
  return () => {
    estates.delete(estate);
    changed();
  };
}

/** Marks an Arbiter that is to end. May be called again; returns whether this is the first time. */
export function markLeaving(estate: Estate): boolean {
  if (estate.leaves) return false;
  estate.leaves = true;
  changed();
  return true;
}

/** An Arbiter that does not serve yet but may come to, if there is one. */
export function starting(): Estate | undefined {
  return allEstates().find(({ serves, leaves }) => !serves && !leaves);
}

/**
 * An Arbiter could not start, and the predecessor tells this process to end because of that. Resolves when those of its
 * other Arbiters have ended that are told in time. A host that ends when it learns of the failure would cut off their
 * clients.
 */
export function othersEnded(): Promise<void> {
  let late = false;
  return new Promise((resolve) => {
    const look = (): void => {
      // Until it is late, each Arbiter may still be told to end. After that, only those that leave are waited for.
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

/*
 * The processes beside this one that serve the same sockets: a successor, which an upgrade has started, or a
 * predecessor, which has started this one. A socket is theirs too if it was handed on, until they say that they are
 * about to give it up.
 */
import { ArbiterError } from '../../errors.js';
import { refusal } from '../loop/states.js';
import { heritage } from '../sockets/heritage.js';
import type { Listener } from '../sockets/listener.js';
import type { EndStage } from '../workers/end-stage.js';
import { shareTicketKeys } from '../workers/ticket-keys.js';
import { Candidate, failure } from './candidate.js';
import { allEstates, type Estate, markLeaving, ownEstate, starting } from './estates.js';

/** The process that is to be the successor, until it serves. */
let candidate: Candidate | undefined;
let upgrading: Promise<number> | undefined;
let successor: Candidate | undefined;

/** Whether another process lives that serves sockets of this one too, and goes on when this one stops. */
export function othersLive(): boolean {
  return successor !== undefined || heritage?.alone === false;
}

/** Whether another process serves this socket, and will go on to. */
export function othersServe(listener: Listener): boolean {
  const { bind, inherited, fd } = listener;
  if (successor?.keeps(listener)) return true;
  return inherited && heritage?.alone === false && !heritage.left.has(bind, fd);
}

/** Enters an Arbiter that begins to start. Returns what removes it again. */
export function enterEstate(estate: Estate): () => void {
  const disown = ownEstate(estate);
  return () => {
    disown();
    // It was the last one. This process may live on, but it has nothing left that a successor would wait for.
    if (allEstates().length === 0) successor?.leave();
  };
}

/**
 * An Arbiter is to end. Tells the processes beside this one what it is about to give up, and ends a candidate that was
 * to succeed it and does not serve yet. May be called again, to have the candidate end faster.
 */
export function leave(estate: Estate, stage: EndStage): void {
  if (markLeaving(estate)) {
    for (const listener of estate.listeners) {
      const { inherited, bind, fd } = listener;
      if (inherited && heritage?.alone === false) heritage.leave(bind, fd);
      successor?.tellLeft(listener);
    }
  }
  if (!candidate?.succeeds(estate)) return;
  const all = allEstates().every(({ leaves }) => leaves);
  candidate.abandon(abandoned(all ? 'this process' : `the Arbiter '${estate.name}' of this process`), stage);
}

/** Resolves when the candidate that has the sockets of this Arbiter serves, or is gone; undefined if there is none. */
export function candidateGone(estate: Estate): Promise<unknown> | undefined {
  return candidate?.succeeds(estate) ? upgrading?.catch(() => undefined) : undefined;
}

/** Tells a candidate to end, where nothing can be waited for: the host is exiting. */
export function dismissCandidate(): void {
  candidate?.dismissNow();
}

/**
 * Starts the command of this process again, with the sockets of all its Arbiters except those that stop. Resolves with
 * the pid of the new process when it serves all of them too.
 *
 * Rejects with `ERR_UPGRADE_FAILED` when the new process ends, or does not get so far in time: then it is gone, and
 * nothing has changed. Rejects with `ERR_STATE` when there is a successor or a predecessor already, or when an Arbiter
 * is still starting.
 *
 * A call during an upgrade waits for that one. If its Arbiter was started after the upgrade began, it is rejected with
 * `ERR_STATE` instead.
 */
export async function upgrade(estate: Estate): Promise<number> {
  if (leavesOut(estate)) throw tooLate();
  return upgradeAll();
}

/** Whether an upgrade is under way that leaves this Arbiter out. */
function leavesOut(estate: Estate): boolean {
  return candidate?.succeeds(estate) === false;
}

function tooLate(): ArbiterError {
  return refusal('upgrade', 'one of this process is under way that began before this Arbiter was started');
}

async function upgradeAll(): Promise<number> {
  if (upgrading) return upgrading;
  if (successor) throw refusal('upgrade', `the process ${successor.pid} serves already; end this one or that`);
  if (heritage && !heritage.alone) {
    throw refusal('upgrade', `the process before this one, ${heritage.predecessor}, still runs; end it first`);
  }
  const other = starting();
  if (other) throw refusal('upgrade', `the Arbiter '${other.name}' of this process is still starting`);
  upgrading = succeed()
    .catch((error) => {
      throw error instanceof ArbiterError ? error : failure((error as Error).message, error as Error);
    })
    .finally(() => {
      upgrading = undefined;
    });
  return upgrading;
}

/** A signal asks an Arbiter for an upgrade. The signal comes to all Arbiters of this process, and means one upgrade. */
export function askUpgrade(estate: Estate): void {
  if (leavesOut(estate)) estate.onError(tooLate());
  else if (upgrading) upgrading.catch(estate.onError);
  else estate.asks = true;
}

/** Begins an upgrade that a signal has asked for, unless an Arbiter of this process is still starting. */
export function upgradeIfAsked(): void {
  const asking = allEstates().filter(({ asks, leaves }) => asks && !leaves);
  if (asking.length === 0 || upgrading || starting()) return;
  for (const estate of asking) estate.asks = false;
  upgradeAll().catch((error) => {
    for (const estate of asking) estate.onError(error);
  });
}

async function succeed(): Promise<number> {
  // Not the Arbiters that leave: their descriptors may be closed, or somebody else's by now.
  const staying = allEstates().filter(({ leaves }) => !leaves);
  // Set before anything is awaited: this process may be told to stop in the very turn that asks for the upgrade.
  candidate = new Candidate(staying);
  const next = candidate;
  try {
    // The candidate waits for the ticket keys before all else.
    if (next.pid !== undefined) next.onDeaf(shareTicketKeys((tickets) => next.tell({ tickets })));
    await next.served();
  } catch (error) {
    // Drained, since it may have clients already. Until it has ended, it is in the way of another attempt.
    await next.dismiss('drain');
    throw error;
  } finally {
    candidate = undefined;
  }
  const pid = next.pid as number;
  successor = next;
  const succeeded = (): Estate[] => allEstates().filter((estate) => next.succeeds(estate));
  next.ended.then(() => {
    // The successor backs out: this process serves on, and may try again.
    successor = undefined;
    for (const estate of succeeded()) estate.onBackedOut();
  });
  // The successor is meant to outlive this process.
  next.letGo();
  for (const estate of allEstates()) estate.asks = false;
  for (const estate of succeeded()) estate.onSuccessor(pid);
  return pid;
}

/** The error for an upgrade that was given up because this side is to stop. Nothing was wrong with the new process. */
function abandoned(who: string): ArbiterError {
  return new ArbiterError('ERR_UPGRADE_FAILED', `the upgrade was given up: ${who} was told to stop meanwhile`);
}

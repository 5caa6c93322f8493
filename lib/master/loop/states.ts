import { ArbiterError } from '../../errors.js';

/** The states in the life of an Arbiter. It is started once. */
export type ArbiterState = 'idle' | 'starting' | 'running' | 'reloading' | 'stopping' | 'stopped';

/** The legal moves. */
const NEXT: Readonly<Record<ArbiterState, readonly ArbiterState[]>> = {
  idle: ['starting', 'stopped'],
  starting: ['running', 'stopping', 'stopped'],
  running: ['reloading', 'stopping'],
  reloading: ['running', 'stopping'],
  stopping: ['stopped'],
  stopped: [],
};

/** Throws for a move that is not in the table: that is a defect of this library, not of its user. */
export function checkMove(from: ArbiterState, to: ArbiterState): void {
  if (!NEXT[from].includes(to)) throw new Error(`prefork: illegal move from ${from} to ${to}`);
}

const REFUSALS: Readonly<Record<ArbiterState, string>> = {
  idle: 'the arbiter has not been started',
  starting: 'the arbiter is still starting',
  running: 'the arbiter is running',
  reloading: 'the arbiter is reloading',
  stopping: 'the arbiter is stopping',
  stopped: 'the arbiter has stopped; make a new one',
};

/** The error of a method that cannot be called now: because of a state, or for a reason of its own. */
export function refusal(method: string, why: ArbiterState | (string & {})): ArbiterError {
  return new ArbiterError('ERR_STATE', `${method}: ${REFUSALS[why as ArbiterState] ?? why}`);
}

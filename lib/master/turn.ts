import type { ArbiterError } from '../errors.js';
import type { MasterSignal } from '../options/types.js';
import type { Site } from './site/site.js';
import type { StaffOf } from './staff.js';
import type { EndStage } from './workers/end-stage.js';
import type { Generation } from './workers/generation.js';
import type { WorkerTurn } from './workers/worker-handle.js';

/** What the master's loop acts on. Whatever happens is enqueued as one of these. */
export type Turn =
  | WorkerTurn
  | { readonly type: 'opened'; readonly site: Site; readonly generation: Generation; readonly staff: StaffOf }
  | { readonly type: 'unopened'; readonly error: unknown }
  | { readonly type: 'signal'; readonly name: MasterSignal; readonly origin: 'terminal' | undefined }
  | { readonly type: 'scale'; readonly to: number }
  | { readonly type: 'stop'; readonly stage: EndStage }
  | { readonly type: 'unbegun'; readonly failure: ArbiterError }
  | { readonly type: 'closed' }
  | { readonly type: 'wake' };

/** A method for each kind of turn. */
export type TurnTable = { readonly [T in Turn['type']]: (turn: Extract<Turn, { type: T }>) => void };

import type { ArbiterStats } from '../master/scoreboard/stats.js';

/** The answer of `/readyz`: whether new clients are welcome, and what is wrong. */
export interface Readiness {
  readonly ready: boolean;
  readonly state: string;
  readonly workers: { readonly ready: number; readonly target: number };
  readonly generation: number;
  /** For humans. Not empty for a ready service either, if something less serious is wrong. */
  readonly reasons: readonly string[];
}

/**
 * A service is ready when its state is up (running or reloading), it is not held, and at least one worker is ready. So
 * it is not ready before all workers have been ready once, nor from the moment a stop begins.
 */
export function readiness(stats: ArbiterStats): Readiness {
  const { state, target, generation, held, degraded, failing, workers } = stats;
  const serving = workers.filter((worker) => worker.state === 'ready').length;
  const up = state === 'running' || state === 'reloading';
  const against = [
    ...(up ? [] : [`it is ${state}`]),
    ...(held ? ['held: workers go, and clients wait until HUP, TTIN, TTOU or scale() ends it'] : []),
    ...(up && serving === 0 ? ['no worker is ready'] : []),
  ];
  const lesser = [
    ...(degraded ? [`degraded: workers ${failing.map(({ id }) => `#${id}`).join(', ')} fail again and again`] : []),
    ...(up && serving > 0 && serving < target ? [`${serving} of ${target} workers are ready`] : []),
  ];
  return {
    ready: against.length === 0,
    ...{ state, workers: { ready: serving, target }, generation },
    reasons: [...against, ...lesser],
  };
}

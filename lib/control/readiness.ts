import type { ArbiterStats } from '../master/scoreboard/stats.js';

/** Whether new clients are welcome, and what speaks against that, or will if it goes on. */
export interface Readiness {
  readonly ready: boolean;
  readonly state: string;
  readonly workers: { readonly ready: number; readonly target: number };
  readonly generation: number;
  /** For humans. Also of one that is ready. */
  readonly reasons: readonly string[];
}

/** False before all workers have been ready, as soon as a stop begins, while clients are held, and while no worker serves. */
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

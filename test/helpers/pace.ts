import { PACE_VARIABLE, type Pace } from '../../build/pace.js';

/**
 * Variables for the environment of a host that change these times of the library in it and in its workers.
 * Milliseconds.
 */
export function pace(times: Partial<Record<Pace, number>>): Record<string, string> {
  return { [PACE_VARIABLE]: JSON.stringify(times) };
}

/**
 * The times of all hosts of the helpers, unless a test says otherwise: each batch of a reload takes 700 ms less.
 * `PREFORK_PACE={} npm run test:run` leaves all times as they are.
 */
export const PACE: Readonly<Record<string, string>> = pace({ soak: 300, rest: 100 });

/**
 * Called at the top of a file whose tests depend on these times: its hosts have the library's own times, as users have
 * them.
 */
export function ownPace(): void {
  process.env[PACE_VARIABLE] = '{}';
}

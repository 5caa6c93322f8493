import { PACE_VARIABLE, type Pace } from '../../build/pace.js';

/** For the environment of a host: these times of the library are others in it and in its workers. Milliseconds. */
export function pace(times: Partial<Record<Pace, number>>): Record<string, string> {
  return { [PACE_VARIABLE]: JSON.stringify(times) };
}

/**
 * For all hosts of the helpers, unless a test says otherwise: each batch of a reload takes 700 ms less. `PREFORK_PACE={} npm run
 * test:run` leaves all times as they are.
 */
export const PACE: Readonly<Record<string, string>> = pace({ soak: 300, rest: 100 });

/** Whoever tests what is done in these times calls it at the top of the file: the library's own times, as its users have them. */
export function ownPace(): void {
  process.env[PACE_VARIABLE] = '{}';
}

import type { ResolvedOptions } from '../options/resolved.js';
import { Crew } from './crew/crew.js';
import { Numbers } from './numbers/numbers.js';
import { watchQueues } from './site/queues.js';
import type { Site } from './site/site.js';
import type { Notifier } from './tell/notify.js';
import { type Supervision, workerTurns } from './worker-turns.js';
import type { Generation } from './workers/generation.js';

/**
 * What works on an open site: the crew of workers, the numbers (statistics, metrics), and the table that acts on turns
 * of workers.
 */
export interface Staff {
  readonly crew: Crew;
  readonly numbers: Numbers;
  readonly workers: ReturnType<typeof workerTurns>;
}

export type StaffOf = typeof staff;

/**
 * Sets this up for a site that was just opened; there are no workers yet. `start` tells whether the Arbiter is still
 * starting, and is called when a worker that cannot boot ends the start.
 */
export function staff(
  site: Site,
  generation: Generation,
  options: ResolvedOptions,
  notifier: Notifier,
  start: Pick<Supervision, 'starting' | 'onFailedStart'>,
): Staff {
  const { service, listeners } = site;
  if (service) notifier.observe((event, args) => service.onEvent(event, args));
  const queues = watchQueues(listeners, options.backlog, notifier);
  const crew = new Crew(site, options, generation, notifier);
  const numbers = new Numbers(crew, queues, notifier);
  const workers = workerTurns({
    ...{ crew, notifier, numbers, onAdopt: site.adopt, ...start },
    sockets: listeners.map(({ name }) => name),
    bootTimeout: options.clocks.bootTimeout,
  });
  return { crew, numbers, workers };
}

import type { ResolvedOptions } from '../options/resolved.js';
import { asTrouble } from './common/trouble.js';
import type { Attend } from './opening.js';
import type { ArbiterStats } from './scoreboard/stats.js';
import type { SiteEvents } from './site/site.js';
import type { Notifier } from './tell/notify.js';
import type { Turn } from './turn.js';
// These modules record how this process was started and what it inherits. That has to happen before the host does
// anything.
import './site/origin.js';
import './sockets/heritage.js';

/** Passes on what the site reports, as turns of the master's queue and as events. */
export function siteEvents(
  enqueue: (turn: Turn) => void,
  notifier: Notifier,
  stats: () => ArbiterStats<string>,
): SiteEvents {
  return {
    onTurn: enqueue,
    onSignal: (name, origin) => enqueue({ type: 'signal', name, origin }),
    onError: notifier.report,
    onSuccessor: (pid) => notifier.emit('upgrade', pid),
    onWake: () => enqueue({ type: 'wake' }),
    stats,
  };
}

/**
 * Loads the modules that a running master needs, and opens the site. Never rejects: the returned turn says how it went.
 */
export async function begin(
  options: ResolvedOptions,
  events: SiteEvents,
  abort: AbortSignal,
  attend: Attend | undefined,
): Promise<Turn> {
  // Copied first: the host may change its environment right after the call.
  const environment = { ...process.env };
  try {
    const { opening } = await import('./opening.js');
    return opening(options, environment, events, abort, attend);
  } catch (error) {
    return { type: 'unopened', error: asTrouble('the start failed', error) };
  }
}

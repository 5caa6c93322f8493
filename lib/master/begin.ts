import type { ResolvedOptions } from '../options/resolved.js';
import { asTrouble } from './common/trouble.js';
import type { Attend } from './opening.js';
import type { ArbiterStats } from './scoreboard/stats.js';
import type { SiteEvents } from './site/site.js';
import type { Notifier } from './tell/notify.js';
import type { Turn } from './turn.js';
// What this process was started as, and what it inherits, it must know before the host does anything.
import './site/origin.js';
import './sockets/heritage.js';

/** What the site reports, as turns of the queue and as events. */
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

/** Loads what a master works with, and opens everything. Never rejects: the turn says how it went. */
export async function begin(
  options: ResolvedOptions,
  events: SiteEvents,
  abort: AbortSignal,
  attend: Attend | undefined,
): Promise<Turn> {
  // The host may change it right behind the call.
  const environment = { ...process.env };
  try {
    const { opening } = await import('./opening.js');
    return opening(options, environment, events, abort, attend);
  } catch (error) {
    return { type: 'unopened', error: asTrouble('the start failed', error) };
  }
}

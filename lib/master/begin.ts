import type { ResolvedOptions } from '../options/resolved.js';
import { asTrouble } from './common/trouble.js';
import type { Attend } from './opening.js';
import type { SiteEvents } from './site/site.js';
import type { Turn } from './turn.js';
// What this process was started as, and what it inherits, it must know before the host does anything.
import './site/origin.js';
import './sockets/heritage.js';

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

import { envFiles } from '../options/env-files.js';
import type { ResolvedOptions } from '../options/resolved.js';
import { asTrouble } from './common/trouble.js';
import { openSite, type SiteEvents } from './site/site.js';
import { heritage } from './sockets/heritage.js';
import type { Turn } from './turn.js';
import { newGeneration } from './workers/generation.js';
import { retireTicketKeys } from './workers/ticket-keys.js';

/** Settles what the first generation is made of, and opens everything. Never rejects: the turn says how it went. */
export async function opening(options: ResolvedOptions, events: SiteEvents, abort: AbortSignal): Promise<Turn> {
  try {
    envFiles.note(process.env);
    if (options.tls) await heritage?.ticketsHeard();
    const generation = newGeneration(1, options);
    return { type: 'opened', site: await openSite(options, events, abort), generation };
  } catch (error) {
    retireTicketKeys(options);
    return { type: 'unopened', error: asTrouble('the start failed', error) };
  }
}

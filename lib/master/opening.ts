import { envFiles } from '../options/env-files.js';
import type { ResolvedOptions } from '../options/resolved.js';
import { asTrouble } from './common/trouble.js';
import { openSite, type SiteEvents } from './site/site.js';
import type { Turn } from './turn.js';
import { newGeneration } from './workers/generation.js';

/** Settles what the first generation is made of, and opens everything. Never rejects: the turn says how it went. */
export async function opening(options: ResolvedOptions, events: SiteEvents, abort: AbortSignal): Promise<Turn> {
  try {
    envFiles.note(process.env);
    const generation = newGeneration(1, options);
    return { type: 'opened', site: await openSite(options, events, abort), generation };
  } catch (error) {
    return { type: 'unopened', error: asTrouble('the start failed', error) };
  }
}

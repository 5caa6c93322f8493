/*
 * What a master works with from its start on: sites, workers, numbers. It is loaded then, by `import()`, and not with the Arbiter: each worker of an inline host, and each
 * application that imports `worker`, loads that too, and never starts one.
 */
import { envFiles } from '../options/env-files.js';
import type { ResolvedOptions } from '../options/resolved.js';
import { asTrouble } from './common/trouble.js';
import { othersEnded } from './site/estates.js';
import { openSite } from './site/open-site.js';
import type { Site, SiteEvents } from './site/site.js';
import { heritage } from './sockets/heritage.js';
import { staff } from './staff.js';
import type { Turn } from './turn.js';
import { newGeneration } from './workers/generation.js';
import { retireTicketKeys } from './workers/ticket-keys.js';

export { metrics } from './numbers/numbers.js';

/** Opens what is there beside a site, from before its first worker until after its last one. Its `close()` never rejects. */
export type Attend = (abort: AbortSignal) => Promise<{ close(): Promise<void> }>;

/** Settles what the first generation is made of, and opens everything. Never rejects: the turn says how it went. */
export async function opening(
  options: ResolvedOptions,
  environment: NodeJS.ProcessEnv,
  events: SiteEvents,
  abort: AbortSignal,
  attend?: Attend,
): Promise<Turn> {
  try {
    envFiles.note(environment);
    if (options.tls) await heritage?.ticketsHeard();
    const generation = newGeneration(1, options, environment);
    const site = await openSite(options, events, abort);
    return { type: 'opened', site: attend ? await attended(site, attend, abort) : site, generation, staff };
  } catch (error) {
    retireTicketKeys(options);
    const endsOthers = heritage?.fail(options.name, error as Error) === true;
    // Whoever has stopped this one is not kept waiting.
    if (endsOthers && !abort.aborted) await othersEnded();
    return { type: 'unopened', error: asTrouble('the start failed', error) };
  }
}

/** The same site, with what is closed behind it. Where that cannot be opened, nothing is left of the site either. */
async function attended(site: Site, attend: Attend, abort: AbortSignal): Promise<Site> {
  try {
    const attendant = await attend(abort);
    const close = async (): Promise<void> => {
      await site.close();
      await attendant.close();
    };
    return { ...site, close };
  } catch (error) {
    await site.close();
    throw error;
  }
}

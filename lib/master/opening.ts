/*
 * What a master needs from its start on: sites, workers, numbers. It is loaded by `import()` at the start, not together
 * with the Arbiter: each worker of an inline host, and each application that imports `worker`, loads the Arbiter too
 * and never starts one.
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

/**
 * Opens something that lives beside a site (the control), from before the first worker until after the last one. Its
 * `close()` never rejects.
 */
export type Attend = (abort: AbortSignal) => Promise<{ close(): Promise<void> }>;

/**
 * Pins the first generation (its paths, environment and certificates), then opens the site. Never rejects: the returned
 * turn says how it went.
 */
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
    // Not after a `stop()`: its caller is not kept waiting.
    if (endsOthers && !abort.aborted) await othersEnded();
    return { type: 'unopened', error: asTrouble('the start failed', error) };
  }
}

/**
 * The same site with its attendant opened; its `close()` closes the attendant last. If the attendant cannot be opened,
 * the site is closed again.
 */
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

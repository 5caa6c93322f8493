import type { AccessSpec } from '../../protocol/spec.js';
import type { SlotRequest } from '../../scoreboard/scoreboard.js';
import { type Refusal, refusalPage } from '../raw-response.js';
import { plainAddress, UNIX } from './client.js';
import { compileFormat, type Facts } from './format.js';
import { Lines } from './lines.js';
import { tellLost } from './loss.js';

/**
 * Clients that have been answered in the place of a thread that hangs, by `bidFarewell()`: what their lines say.
 *
 * @param request - undefined where several clients waited: which of them asked for what is not known.
 */
export function farewells(
  answered: readonly number[],
  peers: ReadonlyMap<number, { readonly address: string | undefined }>,
  status: Refusal,
  request: SlotRequest | undefined,
): Facts[] {
  const time = Date.now();
  const { method = '', url = '', id = '', startedAt = time } = request ?? {};
  return answered.map((fd) => {
    const { address = UNIX } = peers.get(fd) ?? {};
    return {
      ...{ method, url, id, status, time, version: '', aborted: false },
      client: plainAddress(address),
      bytes: refusalPage(status).length,
      duration: Math.max(0, time - startedAt),
      header: () => undefined,
      sent: () => undefined,
    };
  });
}

/** Writes the lines that a thread has left behind, which hangs for good or is no more, and these; and tells of those that nobody takes. */
export function writeLeft(
  memory: SharedArrayBuffer | undefined,
  access?: AccessSpec,
  further: readonly Facts[] = [],
): void {
  if (!memory) return;
  const lines = new Lines(memory);
  const format = access && further.length > 0 ? compileFormat(access.format) : undefined;
  if (format) for (const facts of further) lines.add(format, facts);
  lines.flush();
  lines.drop();
  tellLost(lines);
}

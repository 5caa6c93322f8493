import type { AccessSpec } from '../../protocol/spec.js';
import type { SlotRequest } from '../../scoreboard/scoreboard.js';
import { type Refusal, refusalPage } from '../raw-response.js';
import { plainAddress, UNIX } from './client.js';
import { compileFormat, type Facts } from './format.js';
import { Lines } from './lines.js';
import { tellLost } from './loss.js';

/**
 * The facts for the log lines of clients that `bidFarewell()` has answered in place of a thread that hangs.
 *
 * @param request - undefined where several clients waited: it is not known which of them asked for what.
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

/**
 * Writes the lines left behind by a thread that hangs for good or is gone, and further ones. Reports those that cannot
 * be written.
 */
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

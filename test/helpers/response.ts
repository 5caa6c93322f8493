import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';

/**
 * Resolves with the head of the answer to a request; rejects if the request fails before. After a reset in the middle
 * of an answer, the request gets an `'error'` too. Without a listener that would end the process, although it is the
 * reader of the answer who must notice it.
 */
export async function responseTo(request: ClientRequest): Promise<IncomingMessage> {
  request.on('error', () => undefined);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

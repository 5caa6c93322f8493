import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';

/**
 * The head of the answer to a request. Of a reset in the middle of an answer the request is told too, when nobody waits for it any more: an `'error'` that nobody hears would end the
 * program, where it is the reader of the answer who is to find out. Whoever waits here is told of those before.
 */
export async function responseTo(request: ClientRequest): Promise<IncomingMessage> {
  request.on('error', () => undefined);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

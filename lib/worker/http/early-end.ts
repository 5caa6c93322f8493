/* What clients hear of a worker that ends before its answers do: of an error that nobody caught, a clock that ran out, an exit. */
import type { Acceptor } from '../accept/acceptor.js';
import { refusalPage } from '../raw-response.js';
import type { Answers } from '../requests/answers.js';
import { refuse, refuseNow, turnAway } from '../requests/refusal.js';
import type { Timeout } from '../worker.js';
import type { FedServer } from './server.js';

/** What a timeout is told of: the first request that is served, and whether its client can still be answered. Undefined without one. */
export function overdueRequest(answers: Answers): Pick<Timeout, 'answered' | 'request'> | undefined {
  const [arrival] = answers.active();
  if (arrival === undefined) return undefined;
  const { response, socket, id } = arrival;
  const { method = '', url = '' } = response.req;
  const { remoteAddress } = socket;
  const request = { method, url, ...(id && { id }), ...(remoteAddress && { remoteAddress }) };
  return { answered: !response.headersSent, request };
}

/**
 * Accepts no more, answers what is under way with `status` and what waits with 503, and closes the other connections. Resolves when all
 * have closed. A worker that does not serve yet has neither acceptor nor server.
 */
export async function giveUp(
  answers: Answers,
  status: 500 | 504,
  acceptor: Acceptor | undefined,
  fed: FedServer | undefined,
): Promise<void> {
  acceptor?.abandon();
  // What was answered before is still on its way.
  const answered = new Set(answers.sending());
  for (const { response, socket } of answers.active()) {
    answered.add(socket);
    refuse(response, status);
  }
  fed?.drain();
  for (const socket of acceptor?.connections ?? []) if (!answered.has(socket)) turnAway(socket);
  await acceptor?.close();
}

/** The process exits at once: answers past the streams what has no head yet. */
export function answerPast(answers: Answers, status: 500 | 503): void {
  for (const { response, entry } of answers.active())
    if (refuseNow(response, status)) entry?.sentBeside(status, refusalPage(status).length);
}

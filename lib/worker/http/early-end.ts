/*
 * What clients are told when a worker ends before their answers are complete: after an uncaught error, a timeout, or an
 * exit.
 */
import type { Acceptor } from '../accept/acceptor.js';
import { refusalPage } from '../raw-response.js';
import type { Answers } from '../requests/answers.js';
import { refuse, refuseNow, turnAway } from '../requests/refusal.js';
import type { Timeout } from '../worker.js';
import type { FedServer } from './server.js';

/**
 * What the report of a timeout says: the oldest request in service, and whether its client can still be answered.
 * Undefined if none is in service.
 */
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
 * Accepts no more, answers requests in service with `status` and waiting ones with 503, and closes all other
 * connections. Resolves when all connections have closed. A worker that does not serve yet has neither acceptor nor
 * server.
 */
export async function giveUp(
  answers: Answers,
  status: 500 | 504,
  acceptor: Acceptor | undefined,
  fed: FedServer | undefined,
): Promise<void> {
  acceptor?.abandon();
  // These answers had ended before, and are still on their way to the clients.
  const answered = new Set(answers.sending());
  for (const { response, socket } of answers.active()) {
    answered.add(socket);
    refuse(response, status);
  }
  fed?.drain();
  for (const socket of acceptor?.connections ?? []) if (!answered.has(socket)) turnAway(socket);
  await acceptor?.close();
}

/**
 * For a process that exits at once: writes the answers that have no head yet directly to the descriptors, past the
 * streams.
 */
export function answerPast(answers: Answers, status: 500 | 503): void {
  for (const { response, entry } of answers.active())
    if (refuseNow(response, status)) entry?.sentBeside(status, refusalPage(status).length);
}

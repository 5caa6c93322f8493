/*
 * An application whose requests occupy their worker and take nothing from the other workers. `/behind` blocks its
 * thread after its answer; `/waits` waits before its answer, without blocking. Any other path is answered at once.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { block } from './blocking.mjs';
import hello from './hello.mjs';

/** Milliseconds. */
export const TIMES = { behind: 300, waits: 40 };

export default async (request, response) => {
  if (request.url === '/waits') await delay(TIMES.waits);
  hello(request, response);
  if (request.url === '/behind') setTimeout(() => block(TIMES.behind), 5);
};

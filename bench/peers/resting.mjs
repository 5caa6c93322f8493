/* An application whose requests keep others from nothing but their worker: `/behind` blocks behind its answer, `/waits` waits for somebody. Any other path is answered at once. */
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

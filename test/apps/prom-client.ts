/* Each worker and thread has its own numbers of prom-client; the control tells their sum. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Application, Running } from '../helpers/applications.js';

/** How many orders of this kind all workers together have had, including workers that have ended. */
async function orders({ folder }: Running, kind: string): Promise<number> {
  const request = get({ socketPath: join(folder, 'control.sock'), path: '/metrics' });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  assert.match(text, /^process_cpu_seconds_total /m);
  return Number(new RegExp(`^shop_orders_total\\{kind="${kind}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}

const application: Application = {
  start: 'npx prefork shop.mjs --control unix:$PWD/control.sock',
  classes: ['sync', 'threaded', 'async'],
  node: [20, 19],
  told: { as: 'prom-client', packages: ['prom-client', 'express'] },
  requests: [
    { path: '/order/pen', answer: /^\{"ordered":"pen"\}$/ },
    { path: '/order/book', answer: /^\{"ordered":"book"\}$/ },
  ],
  further: async (running) => assert.equal(await orders(running, 'book'), running.isReloaded ? 2 : 1),
  shown: ['shop.mjs'],
};
export default application;

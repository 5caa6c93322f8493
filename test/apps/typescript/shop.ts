// shop.ts
import type { IncomingMessage, ServerResponse } from 'node:http';
import { worker } from 'prefork';
import { type Order, priceOf } from './price.ts';

export default (request: IncomingMessage, response: ServerResponse): void => {
  const order: Order = { item: request.url?.slice(1) ?? '', pieces: 3 };
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({ ...order, price: priceOf(order), worker: worker?.id }));
};

// shop.mjs
import express from 'express';
import { worker } from 'prefork';
import client from 'prom-client';

client.collectDefaultMetrics();
const orders = new client.Counter({ name: 'shop_orders_total', help: 'Orders.', labelNames: ['kind'] });
worker?.metrics(client.register);

const app = express();
app.get('/order/:kind', (request, response) => {
  orders.inc({ kind: request.params.kind });
  response.json({ ordered: request.params.kind });
});
export default app;

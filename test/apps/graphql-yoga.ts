/* graphql-yoga: the application exports what createYoga() returns. Its subscriptions are event streams, which end with the worker. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Application, Running } from '../helpers/applications.js';

const endless = new Map<Running['program'], Promise<string>>();

/** Opens a subscription that the client does not end. */
async function subscribe({ address }: Running): Promise<IncomingMessage> {
  const headers = { 'Content-Type': 'application/json', Accept: 'text/event-stream' };
  const sent = request(`${address}/graphql`, { method: 'POST', agent: new Agent(), headers });
  sent.end(JSON.stringify({ query: 'subscription { tick }' }));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  return response;
}

const application: Application = {
  start: 'npx prefork yoga.mjs',
  classes: ['sync', 'threaded', 'async'],
  node: [20, 19],
  told: { as: 'graphql-yoga', packages: ['graphql-yoga'] },
  requests: [
    {
      path: '/graphql',
      body: { query: 'query ($name: String!) { hello(name: $name) }', variables: { name: 'Yoga' } },
      answer: /^\{"data":\{"hello":"Hello Yoga"\}\}$/,
    },
    { path: '/graphql?query=%7Bhello(name%3A%22Get%22)%7D', answer: /"Hello Get"/ },
    { path: '/graphql', headers: { Accept: 'text/html' }, answer: /<title>Yoga GraphiQL<\/title>/ },
    { path: '/graphql', body: { query: '{ nothing }' }, answer: /Cannot query field/ },
  ],
  // On the other worker classes, the subscription would occupy a place.
  async further(running) {
    if (running.workerClass !== 'async') return;
    if (running.isReloaded) {
      const events = await endless.get(running.program);
      assert.match(events ?? '', /^event: next\ndata: \{"data":\{"tick":1\}\}\n\n.*event: complete/ms);
    } else endless.set(running.program, text(await subscribe(running)));
  },
  ends: /yoga is disposed of/,
  shown: ['yoga.mjs'],
};
export default application;

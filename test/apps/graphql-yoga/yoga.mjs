// yoga.mjs
import { setTimeout as delay } from 'node:timers/promises';
import { createSchema, createYoga } from 'graphql-yoga';
import { worker } from 'prefork';

async function* ticks() {
  // When the worker begins to drain, the subscription is completed. The client then subscribes again, at another worker.
  while (!worker.signal.aborted) {
    yield { tick: worker.generation };
    await delay(100, undefined, { signal: worker.signal }).catch(() => undefined);
  }
}

export default createYoga({
  schema: createSchema({
    typeDefs: 'type Query { hello(name: String!): String! } type Subscription { tick: Int! }',
    resolvers: {
      Query: { hello: (_, { name }) => `Hello ${name}` },
      Subscription: { tick: { subscribe: ticks } },
    },
  }),
  plugins: [{ onDispose: () => console.log('yoga is disposed of') }],
  disposeOnProcessTerminate: true,
});

/* Apollo Server 5 with Express and its drain plugin, as its page shows it: a script that listens. */
import type { Application } from '../helpers/applications.js';

const application: Application = {
  start: 'npx prefork run server.mjs',
  classes: ['sync', 'threaded', 'async'],
  node: [20, 19],
  told: { as: 'Apollo Server', packages: ['@apollo/server', 'express'] },
  requests: [
    {
      path: '/',
      body: { query: 'query ($name: String!) { hello(name: $name) }', variables: { name: 'Apollo' } },
      answer: /^\{"data":\{"hello":"Hello Apollo"\}\}\n$/,
    },
    { path: '/', body: { query: '{ nothing }' }, status: 400, answer: /Cannot query field/ },
  ],
  ends: /Apollo Server has stopped/,
  shown: ['server.mjs'],
};
export default application;

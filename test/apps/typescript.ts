/* TypeScript that Node loads by itself. */
import type { Application } from '../helpers/applications.js';

const application: Application = {
  start: 'npx prefork shop.ts',
  classes: ['sync', 'threaded', 'async'],
  node: [22, 18],
  told: { as: 'TypeScript, by Node alone', packages: [] },
  requests: [{ path: '/pen', answer: /^\{"item":"pen","pieces":3,"price":9,"worker":[12]\}$/ }],
  shown: ['price.ts', 'shop.ts'],
};
export default application;

/* TypeScript that tsx compiles, in a host and by the command. */
import type { Application } from '../helpers/applications.js';

const application: Application = {
  start: 'node --import tsx server.ts',
  also: ['npx prefork --exec-argv=--import=tsx shop.ts'],
  classes: ['sync', 'threaded', 'async'],
  fails: {
    node: 20,
    classes: ['threaded'],
    why: 'tsx does nothing in threads of Node 20 ([tsx#354](https://github.com/privatenumber/tsx/issues/354))',
  },
  node: [20, 19],
  told: { as: 'TypeScript, with tsx', packages: ['tsx'] },
  requests: [
    { path: '/book', answer: /^sold: book$/m },
    { path: '/', answer: /^sold: pen$/m },
  ],
  shown: ['server.ts', 'shop.ts'],
};
export default application;

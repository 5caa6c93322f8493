/* TypeScript that tsx compiles, in a host and by the command. */
import type { Application } from '../helpers/applications.js';

const [major = 0] = process.versions.node.split('.').map(Number);

const application: Application = {
  start: 'node --import tsx server.ts',
  also: ['npx prefork --exec-argv=--import=tsx shop.ts'],
  // With Node 20 it does nothing in threads: https://github.com/privatenumber/tsx/issues/354
  classes: major > 20 ? ['sync', 'threaded', 'async'] : ['sync', 'async'],
  node: [20, 19],
  requests: [
    { path: '/book', answer: /^sold: book$/m },
    { path: '/', answer: /^sold: pen$/m },
  ],
  shown: ['server.ts', 'shop.ts'],
};
export default application;

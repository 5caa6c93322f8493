/* A page that takes long: React's renderToString of thousands of rows. */
import type { Application } from '../helpers/applications.js';

const application: Application = {
  start: 'npx prefork table.mjs',
  // Not async: other requests of the same worker would wait for the page.
  classes: ['sync', 'threaded'],
  leftOut: 'one page would hold up all others of its worker',
  node: [20, 19],
  told: { as: 'React, `renderToString`', packages: ['react-dom'] },
  requests: [
    { path: '/', answer: /<td>4999<\/td><td>24990001<\/td><td>70\.704<\/td><\/tr><\/tbody><\/table>$/ },
    { path: '/?rows=2', answer: /<td>1<\/td><td>1<\/td><td>1\.000<\/td><\/tr><\/tbody><\/table>$/ },
  ],
  shown: ['table.mjs'],
};
export default application;

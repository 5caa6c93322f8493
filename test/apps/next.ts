/* Next.js, as in a custom server. next-drains.test.ts tests its own compression and streams in a drain. */
import type { Application } from '../helpers/applications.js';

const application: Application = {
  build: 'npm run build',
  start: 'npx prefork next-app.mjs',
  classes: ['sync', 'threaded', 'async'],
  node: [20, 19],
  told: { as: 'Next.js', packages: ['next', 'react'] },
  madeBy: 'npx create-next-app',
  env: { NEXT_TELEMETRY_DISABLED: '1' },
  requests: [
    { path: '/cookie', answer: /the end$/ },
    { path: '/', answer: /the end<.*<\/html>$/s },
    { path: '/held', answer: /the end<.*<\/html>$/s },
    { path: '/nowhere', status: 404, answer: /could not be found/ },
  ],
  shown: ['next-app.mjs'],
};
export default application;

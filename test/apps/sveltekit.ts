/* SvelteKit with adapter-node: its handler, and the server that it starts by itself. */
import assert from 'node:assert/strict';
import type { Application } from '../helpers/applications.js';

const application: Application = {
  build: 'npm run build',
  start: 'npx prefork build/handler.js#handler',
  also: ['npx prefork run build/index.js'],
  classes: ['sync', 'threaded', 'async'],
  node: [22, 17],
  told: { as: 'SvelteKit', packages: ['@sveltejs/kit', '@sveltejs/adapter-node'] },
  madeBy: 'npx sv create',
  requests: [
    { path: '/', answer: /<td>999<\/td><td>998001<\/td>/ },
    { path: '/clock', answer: /^tick tock$/ },
    { path: '/nowhere', status: 404, answer: /Not Found/ },
  ],
  async further({ program, isReloaded }) {
    // SvelteKit's own server emits this event when it closes, so the workers that have been replaced have printed it.
    const own = program.child.spawnargs.includes('run');
    if (isReloaded) assert.equal(/^the application ends: SIGTERM$/m.test(program.output), own, program.output);
  },
  shown: ['vite.config.js'],
};
export default application;

/* NestJS 11 on Express: the NestApplication is exported, and its hooks are called once for each worker and thread. */
import type { Application } from '../helpers/applications.js';

const application: Application = {
  build: 'npm run build',
  start: 'npx prefork dist/app.js',
  classes: ['sync', 'threaded', 'async'],
  node: [20, 19],
  told: { as: 'NestJS on Express', packages: ['@nestjs/core', 'express'] },
  madeBy: 'npx @nestjs/cli new',
  requests: [
    { path: '/hello/Nest', answer: /^\{"message":"Hello Nest"\}$/ },
    { path: '/nowhere', status: 404, answer: /Cannot GET \/nowhere/ },
  ],
  ends: /the database is closed/,
  shown: ['src/app.ts', 'src/app.module.ts'],
};
export default application;

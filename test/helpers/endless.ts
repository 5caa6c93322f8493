import { fixture } from './host.js';

const FILES = {
  plain: 'endless-app.js',
  expressApp: 'endless-express.js',
  koaApp: 'endless-koa.js',
  honoApp: 'endless-hono.js',
  fastifyApp: 'endless-fastify.js',
} as const;

/** Where the application with answers without an end is, as a plain handler or in a framework. */
export function endless(name: keyof typeof FILES): string {
  return `${fixture(FILES[name])}#${name}`;
}

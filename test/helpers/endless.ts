import { fixture } from './host.js';

const FILES = {
  plain: 'endless-app.js',
  expressApp: 'endless-express.js',
  koaApp: 'endless-koa.js',
  honoApp: 'endless-hono.js',
  fastifyApp: 'endless-fastify.js',
} as const;

/** The specifier of an application whose answers never end: a plain handler, or one in a framework. */
export function endless(name: keyof typeof FILES): string {
  return `${fixture(FILES[name])}#${name}`;
}

/*
 * How an application, in whatever form it is exported, becomes a listener for requests. It knows nothing of places and
 * connections.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { checkServer, isServer, nestServer, type Refuse, recognizeApp } from '../../options/application.js';
import type { CallbackHandler, InitHandler, RequestListener, RoutingHandler } from '../../options/handler.js';
import { createClosing } from './fastify.js';
import { createFetchListener } from './fetch-handler.js';
import type { Listener } from './listener.js';
import { createServerListener } from './server-handler.js';

/**
 * Makes the listener of an application, or of a promise of one. Throws a TypeError for a value that cannot be served,
 * and whatever the application throws while it gets ready.
 */
export async function createListener(app: unknown): Promise<Listener> {
  const known = recognizeApp(await app, refuse);
  switch (known.kind) {
    case 'listener':
      return { request: known.app };
    case 'server':
      // A `listen()` with a host takes effect one turn of the event loop later.
      await turn();
      checkServer(known.app, 'server', refuse);
      return createServerListener(known.app);
    case 'routing':
      return createRoutingListener(known.app);
    case 'init':
      return createInitListener(known.app);
    case 'callback':
      return createCallbackListener(known.app);
    case 'fetch':
      return createFetchListener(known.app);
  }
}

const refuse: Refuse = (expected, got) => new TypeError(`expected as the application ${expected}, got ${got}`);

function createCallbackListener(app: CallbackHandler): Listener {
  const request: unknown = app.callback();
  if (typeof request === 'function') return { request: request as RequestListener };
  throw new TypeError(`expected a function from callback() of the application, got ${typeof request}`);
}

async function createRoutingListener(app: RoutingHandler): Promise<Listener> {
  await app.ready();
  const { server } = app as { server?: unknown };
  if (isServer(server)) checkServer(server, 'Fastify instance', refuse);
  return {
    // The server is not fed, since its timeouts are Fastify's; but plugins add their 'upgrade' listeners to it.
    ...(isServer(server) && { beside: server }),
    request: (request: IncomingMessage, response: ServerResponse) => app.routing(request, response),
    ...createClosing(app),
  };
}

/**
 * Nest's `close()` calls its hooks, ends what it has opened, and closes the server, which has no connections by then.
 */
async function createInitListener(app: InitHandler): Promise<Listener> {
  await app.init();
  // As for a server: the application may have called `listen()`.
  await turn();
  const server = nestServer(app, refuse);
  const routing = routingOf(app);
  const listener = routing ? await createRoutingListener(routing) : createServerListener(server);
  return { ...listener, close: async () => void (await app.close()) };
}

/**
 * The Fastify instance that a NestApplication is built on. Nest's `init()` does not make it ready, but leaves that to
 * `listen()`.
 */
function routingOf(app: InitHandler): RoutingHandler | undefined {
  const { getHttpAdapter } = app as { getHttpAdapter?(): { getInstance?(): unknown } | undefined };
  const instance = getHttpAdapter?.call(app)?.getInstance?.();
  if (typeof instance !== 'object' || instance === null) return undefined;
  return 'routing' in instance && 'ready' in instance ? (instance as RoutingHandler) : undefined;
}

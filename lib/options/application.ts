import type { Server } from 'node:http';
import { inspect, types } from 'node:util';
import type { CallbackHandler, FetchHandler, InitHandler, RequestListener, RoutingHandler } from './handler.js';

/** An application whose form is recognized, so that a worker can serve it. */
export type KnownApp =
  | { readonly kind: 'listener'; readonly app: RequestListener }
  | { readonly kind: 'server'; readonly app: Server }
  | { readonly kind: 'routing'; readonly app: RoutingHandler }
  | { readonly kind: 'init'; readonly app: InitHandler }
  | { readonly kind: 'callback'; readonly app: CallbackHandler }
  | { readonly kind: 'fetch'; readonly app: FetchHandler };

export type AppKind = KnownApp['kind'];

/** Makes the error for an application that cannot be served. */
export type Refuse = (expected: string, got: string) => Error;

/** What the built-in worker classes serve, for error messages. */
const SERVED =
  'a function (request, response) => …, an object with callback() (Koa), with routing() and ready() (Fastify), with ' +
  'init(), getHttpServer() and close() (Nest) or with fetch() (Hono and other Fetch handlers), or an http.Server that ' +
  'does not listen';

const NEST = 'NestApplication';

/**
 * Tells how to serve an application. If it fits several forms, the first of these counts: function, `http.Server`,
 * Fastify, Nest, Koa, Fetch handler. So forms that take Node's own objects are preferred, and a Fastify instance that
 * was decorated with a `fetch` counts as Fastify.
 */
export function recognizeApp(app: unknown, refuse: Refuse): KnownApp {
  if (typeof app === 'function') {
    if (isClass(app)) throw refuse(`${SERVED}; of a class, an instance`, describe(app));
    return { kind: 'listener', app: app as RequestListener };
  }
  if (typeof app !== 'object' || app === null) throw refuse(SERVED, describe(app));
  if (isServer(app)) {
    // Servers of `net` and `http2` do not have this property.
    if (!('maxHeadersCount' in app)) throw refuse(SERVED, describe(app));
    checkServer(app, 'server', refuse);
    return { kind: 'server', app };
  }
  if (hasMethod(app, 'routing') && hasMethod(app, 'ready')) {
    const { server } = app as { server?: unknown };
    if (isServer(server)) checkServer(server, 'Fastify instance', refuse);
    return { kind: 'routing', app: app as unknown as RoutingHandler };
  }
  if (hasMethod(app, 'init') && hasMethod(app, 'close')) {
    if (hasMethod(app, 'getHttpServer')) {
      // An object other than Nest's may have its server only after init().
      const server: unknown = app.getHttpServer();
      if (isServer(server)) checkServer(server, NEST, refuse);
      return { kind: 'init', app: app as unknown as InitHandler };
    }
    // Application contexts and microservices of Nest, and similar objects.
    if (!hasMethod(app, 'callback') && !hasMethod(app, 'fetch')) {
      throw refuse(`a ${NEST}: what NestFactory.create() resolves to, with getHttpServer()`, describe(app));
    }
  }
  if (hasMethod(app, 'callback')) return { kind: 'callback', app: app as CallbackHandler };
  if (hasMethod(app, 'fetch')) return { kind: 'fetch', app: app as FetchHandler };
  if (types.isModuleNamespaceObject(app))
    throw refuse(SERVED, `a whole module; one of its exports is meant: ${Object.keys(app).join(', ')}`);
  throw refuse(SERVED, describe(app));
}

/**
 * Whether it is a server of Node, of any kind. Its class is not compared: test runners and tracers bring copies of
 * `http`.
 */
export function isServer(value: unknown): value is Server {
  if (typeof value !== 'object' || value === null) return false;
  return 'listening' in value && hasMethod(value, 'listen') && hasMethod(value, 'rawListeners');
}

/**
 * An exported server never listens itself. So this refuses settings that would be lost silently: TLS, and a listen()
 * that was called.
 */
export function checkServer(server: Server, what: string, refuse: Refuse): void {
  if (hasMethod(server, 'setSecureContext')) {
    throw refuse(`a ${what} without TLS, since the workers do not use its certificate`, 'one with TLS');
  }
  if (server.listening) {
    const expected = `a ${what} that does not listen, since the workers accept for it`;
    throw refuse(expected, 'one that listens already; remove its listen()');
  }
}

/** The server of an initialised NestApplication, or of an object with the same methods. */
export function nestServer(app: InitHandler, refuse: Refuse): Server {
  const server: unknown = app.getHttpServer();
  if (!isServer(server) || !('maxHeadersCount' in server)) {
    throw refuse(`a ${NEST} whose getHttpServer() returns an http.Server`, `one that returns ${describe(server)}`);
  }
  checkServer(server, NEST, refuse);
  return server;
}

function isClass(value: unknown): boolean {
  return /^class[\s{]/.test(Function.prototype.toString.call(value));
}

/** Asks `in` first: an itty-router makes up a method for every name that is read from it. */
function hasMethod<Name extends string>(value: object, name: Name): value is Record<Name, () => unknown> {
  return name in value && typeof (value as Record<Name, unknown>)[name] === 'function';
}

/** A short text for messages: data is shown, but of an instance, which may be huge, only the name of its class. */
export function describe(value: unknown): string {
  const prototype = typeof value === 'object' && value !== null ? Object.getPrototypeOf(value) : null;
  const isData = prototype === null || Object.getPrototypeOf(prototype) === null || Array.isArray(value);
  return inspect(value, { depth: isData ? 0 : -1, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 120 });
}

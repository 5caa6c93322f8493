import type { IncomingMessage, Server, ServerResponse } from 'node:http';

/**
 * A listener of Node's `http`, or anything callable like one. It may return a promise; a rejection is answered with
 * 500, as a throw is.
 */
export type RequestListener = (request: IncomingMessage, response: ServerResponse) => unknown;

/** An application that makes its listener itself: Koa. */
export interface CallbackHandler {
  callback(): RequestListener;
}

/** An application that must get ready before it takes requests: Fastify. */
export interface RoutingHandler {
  ready(): PromiseLike<unknown>;
  routing(request: IncomingMessage, response: ServerResponse): unknown;
  /** Called once, after the last request. */
  close?(): unknown;
}

/**
 * An application that has a server, and resources to release at the end: a NestApplication, as `NestFactory.create()`
 * makes it. `init()` is called first, even if the application has called it. Then the worker serves its server, which
 * must not listen. Nest on Fastify is served as Fastify is.
 */
export interface InitHandler {
  init(): PromiseLike<unknown>;
  /** An `http.Server`. */
  getHttpServer(): object;
  /** Called once, after the last request. */
  close(): unknown;
}

/**
 * An application that speaks the Fetch API: Hono, `export default { fetch }`. It is served through `@hono/node-server`,
 * which must be installed beside this package. The second argument of `fetch` is the environment, with Node's request
 * and response.
 */
export interface FetchHandler {
  fetch(
    request: Request,
    environment: { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse },
  ): Response | Promise<Response>;
}

/** What the built-in worker classes serve. The `Server` must not listen; its listeners take the requests. */
export type Handler = RequestListener | CallbackHandler | RoutingHandler | InitHandler | FetchHandler | Server;

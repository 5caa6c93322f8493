import type { ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import { inspect } from 'node:util';
import type { FetchHandler } from '../../options/handler.js';
import { isStream } from '../connections/connection.js';
import { isThenable } from './call-handler.js';
import type { Listener } from './listener.js';

type Environment = Parameters<FetchHandler['fetch']>[1];

/** The listener of a Fetch handler. */
export async function createFetchListener(app: FetchHandler): Promise<Listener> {
  const { getRequestListener } = await importNodeServer();
  const failures = new WeakMap<object, Failure>();

  const answer = (request: Request, environment: Environment): Response | Promise<Response> => {
    const fail = (error: unknown): never => {
      const failure = new Failure(error);
      failures.set(environment.outgoing, failure);
      throw failure;
    };
    try {
      // Not awaited: an answer that is there at once is sent by a shorter way.
      const response = app.fetch(request, environment);
      return isThenable(response) ? Promise.resolve(response).then(checkResponse).catch(fail) : checkResponse(response);
    } catch (error) {
      return fail(error);
    }
  };
  const serve = getRequestListener((request, environment) => answer(request, environment as Environment), {
    // Where nothing is returned, nothing is sent: the worker answers, as for every handler that fails. Else it
    // was the request that could not be understood.
    errorHandler: (error) => (error instanceof Failure ? undefined : new Response('Bad Request\n', { status: 400 })),
    // HTTP/1.0 needs no Host, but a URL does.
    hostname: 'localhost',
  });
  return {
    request: async (request, response) => {
      if (isStream(request)) response.destroy = notingDestroy;
      await serve(request, response);
      const failure = failures.get(response);
      if (failure) throw failure.error;
      // The body of the answer broke off.
      const errored = response.errored ?? (response as Noted)[ERRORED];
      if (errored) throw errored;
    },
  };
}

/** With what an HTTP/2 response was destroyed: it has no `errored`, and that of its stream is there when a client takes its request back, too. */
const ERRORED: unique symbol = Symbol('errored');
type Noted = ServerResponse & { [ERRORED]?: Error; readonly stream?: ServerHttp2Stream };

/** Shared by all, and there before the application sees the response. */
function notingDestroy(this: Noted, error?: Error): Noted {
  // As with HTTP/1.1, nothing breaks off where the client has gone.
  if (error !== undefined && !this.stream?.closed && !this.stream?.destroyed) this[ERRORED] ??= error;
  Object.getPrototypeOf(this).destroy.call(this, error);
  return this;
}

const PACKAGE = '@hono/node-server';

/** Only here, since it is an optional peer: nobody else needs it. */
async function importNodeServer(): Promise<typeof import('@hono/node-server')> {
  try {
    return await import('@hono/node-server');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const message = `an application with fetch() is served through the package ${PACKAGE}, which is missing: npm install ${PACKAGE}`;
    throw new Error(message, { cause: error });
  }
}

/** Marks what the application threw, which may be anything. */
class Failure {
  readonly error: unknown;
  constructor(error: unknown) {
    this.error = error;
  }
}

/**
 * By its shape: there are several Response classes, of Node, of undici, of node-server itself. `headers` is not read, since that
 * is what makes those of node-server slow.
 */
function checkResponse(answer: unknown): Response {
  const isResponse = typeof answer === 'object' && answer !== null && 'headers' in answer && 'status' in answer;
  if (isResponse && typeof answer.status === 'number') return answer as Response;
  throw new TypeError(`expected a Response from fetch() of the application, got ${inspect(answer, { depth: 0 })}`);
}

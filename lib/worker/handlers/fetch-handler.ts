import { inspect } from 'node:util';
import type { FetchHandler } from '../../options/handler.js';
import { isThenable } from './call-handler.js';
import { breakOf, guardExchange, noteAnswer } from './fetch-exchange.js';
import type { Listener } from './listener.js';

type Environment = Parameters<FetchHandler['fetch']>[1];

/** Makes the listener of a Fetch handler. */
export async function createFetchListener(app: FetchHandler): Promise<Listener> {
  const { getRequestListener } = await importNodeServer();
  const failures = new WeakMap<object, Failure>();

  const answer = (request: Request, environment: Environment): Response | Promise<Response> => {
    const fail = (error: unknown): never => {
      const failure = new Failure(error);
      failures.set(environment.outgoing, failure);
      throw failure;
    };
    const check = (response: unknown): Response => noteAnswer(environment.outgoing, checkResponse(response));
    try {
      // Not awaited: the adapter has a faster path for a Response that is there at once.
      const response = app.fetch(request, environment);
      return isThenable(response) ? Promise.resolve(response).then(check).catch(fail) : check(response);
    } catch (error) {
      return fail(error);
    }
  };
  const serve = getRequestListener((request, environment) => answer(request, environment as Environment), {
    // If this returns nothing, the adapter sends nothing, and the worker answers as for every handler that fails. Any
    // other error means that the request itself could not be understood.
    errorHandler: (error) => (error instanceof Failure ? undefined : new Response('Bad Request\n', { status: 400 })),
    // HTTP/1.0 needs no Host header, but a URL needs a host.
    hostname: 'localhost',
  });
  return {
    request: async (request, response) => {
      guardExchange(request, response);
      await serve(request, response);
      const failure = failures.get(response);
      if (failure) throw failure.error;
      const error = breakOf(response);
      if (error) throw error;
    },
  };
}

const PACKAGE = '@hono/node-server';

/** Imported only here, since it is an optional peer dependency: no other application needs it. */
async function importNodeServer(): Promise<typeof import('@hono/node-server')> {
  try {
    return await import('@hono/node-server');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const message = `an application with fetch() is served through the package ${PACKAGE}, which is missing: npm install ${PACKAGE}`;
    throw new Error(message, { cause: error });
  }
}

/** Marks what the application threw, which may be any value. */
class Failure {
  readonly error: unknown;
  constructor(error: unknown) {
    this.error = error;
  }
}

/**
 * Checks the Response by its shape, since there are several Response classes: of Node, of undici, of node-server
 * itself. `headers` is not read, because that is what makes those of node-server slow.
 */
function checkResponse(answer: unknown): Response {
  const isResponse = typeof answer === 'object' && answer !== null && 'headers' in answer && 'status' in answer;
  if (isResponse && isStatus(answer.status)) return answer as Response;
  const got = inspect(answer, { depth: 0 });
  // `Response.error()` has the status 0, which would be sent as 200 with HTTP/2.
  const what = isResponse
    ? `with a status from 200 to 599 from fetch() of the application, got ${answer.status}`
    : `from fetch() of the application, got ${got}`;
  throw new TypeError(`expected a Response ${what}`);
}

function isStatus(status: unknown): boolean {
  return typeof status === 'number' && status >= 200 && status <= 599;
}

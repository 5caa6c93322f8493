/* The paths of the control: what can be asked (GET) and what the master can be told to do (POST). */
import { type Answer, problem } from './answer.js';
import type { Source } from './controlled.js';
import type { Feed } from './feed.js';
import { readiness } from './readiness.js';

export interface Endpoint {
  readonly method: 'GET' | 'POST';
  readonly act: (query: URLSearchParams) => Answer | Promise<Answer>;
}

/**
 * The status for an error of a method of the Arbiter, by its code: the request was wrong, or makes no sense now. Any
 * other error is a 500: what was asked for was tried, and has failed.
 */
const STATUS: Readonly<Record<string, number>> = { ERR_INVALID_OPTION: 400, ERR_STATE: 409 };

const PROMETHEUS = { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' };

export function endpoints(source: Source, feed: Feed): ReadonlyMap<string, Endpoint> {
  const { arbiter } = source;
  const failed = (thrown: unknown): Answer => {
    const { code = '' } = thrown as { code?: string };
    return { status: STATUS[code] ?? 500, body: { error: source.describe(thrown) } };
  };
  const ask = (act: Endpoint['act']): Endpoint => ({ method: 'GET', act: guarded(act) });
  const tell = (act: Endpoint['act']): Endpoint => ({ method: 'POST', act: guarded(act) });
  const guarded =
    (act: Endpoint['act']): Endpoint['act'] =>
    async (query) => {
      try {
        return await act(query);
      } catch (thrown) {
        return failed(thrown);
      }
    };

  return new Map<string, Endpoint>([
    // An answer, whatever it is, shows that the event loop of the master turns.
    ['/livez', ask(() => ok({ live: true, state: arbiter.state, pid: process.pid }))],
    [
      '/readyz',
      ask(() => {
        const body = readiness(arbiter.stats());
        return { status: body.ready ? 200 : 503, body };
      }),
    ],
    ['/stats', ask(() => ok(arbiter.stats()))],
    ['/history', ask(() => ok(feed.history.map((line) => JSON.parse(line))))],
    ['/metrics', ask(async () => ({ ...ok(await arbiter.metrics()), headers: PROMETHEUS }))],
    ['/stacks', ask(async () => ok(await arbiter.stacks()))],
    ['/reload', tell(async () => ok(await arbiter.reload()))],
    [
      '/scale',
      tell(async (query) => {
        const to = positive(query, 'to');
        if (to === undefined) return problem(400, wrong(query, 'to', 'a number of workers, ?to=4'));
        await arbiter.scale(to);
        return ok({ workers: to });
      }),
    ],
    [
      '/stop',
      tell((query) => {
        const graceful = query.get('graceful') ?? 'true';
        if (graceful !== 'true' && graceful !== 'false')
          return problem(400, wrong(query, 'graceful', 'true or false, ?graceful=false'));
        // Begun after the answer, and not awaited: the stop closes this server.
        setImmediate(() => void arbiter.stop({ graceful: graceful === 'true' }));
        return { status: 202, body: { stopping: true, graceful: graceful === 'true' } };
      }),
    ],
    ['/upgrade', tell(async () => ok(await arbiter.upgrade()))],
    [
      '/restart',
      tell(async (query) => {
        const id = positive(query, 'worker');
        if (id === undefined) return problem(400, wrong(query, 'worker', 'the number of a worker, ?worker=2'));
        return ok((await arbiter.restart(id)) ?? { worker: id });
      }),
    ],
  ]);
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}

/** A parameter that is a whole number from 1; undefined if it is missing or anything else. */
function positive(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name) ?? '';
  return /^[1-9]\d{0,5}$/.test(text) ? Number(text) : undefined;
}

function wrong(query: URLSearchParams, name: string, expected: string): string {
  const given = query.get(name);
  return `${name}: expected ${expected}, got ${given === null ? 'none' : JSON.stringify(given.slice(0, 100))}`;
}

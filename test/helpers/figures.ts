import type { TestContext } from 'node:test';
import type { ArbiterStats } from 'prefork';

/** Returns the `stats()` of a busy master, which go a little further with each call. */
export function figuresOf(workers: number): () => ArbiterStats {
  const begun = Date.now();
  return () => {
    const uptime = Date.now() - begun + 90_000;
    const each = Array.from({ length: workers }, (_, index) => {
      const threads = Array.from({ length: 4 }, (_, thread) => ({
        ...{ thread: thread + 1, requests: 10, active: (index + thread) % 3 === 0 ? 1 : 0, connections: 1, elu: 0.3 },
      }));
      const request = { method: 'GET', url: `/orders/${index}?page=2`, startedAt: Date.now() - 40 * index };
      return {
        ...{ id: index + 1, pid: 40_000 + index, age: index + 1, generation: 3, state: 'ready' as const },
        ...{ spawnedAt: begun - 90_000, readyAt: begun - 89_000, requests: Math.floor((uptime * (index + 1)) / 100) },
        ...{
          errors: 0,
          abandoned: 0,
          active: index % 3,
          connections: index,
          rss: (60 + index) * 2 ** 20,
          elu: index / 64,
        },
        ...(index % 3 !== 0 && { request }),
        ...(index % 8 === 0 && { threads }),
      };
    });
    const requests = each.reduce((sum, worker) => sum + worker.requests, 0);
    const totals = { requests, errors: 3, abandoned: 1, timeouts: 2, crashes: 1, respawns: 3, reloads: 2, recycles: 0 };
    return {
      ...{ name: 'shop', pid: 4711, state: 'running', generation: 3, uptime, target: workers, spares: 0, totals },
      requestTime: {
        ...{ bounds: [1, 2.5, 5, 10, 25], count: uptime, sum: uptime * 3 },
        counts: [0, 0.6, 0.35, 0, 0.05, 0].map((share) => Math.floor(share * uptime)),
      },
      ...{ degraded: false, held: false, failing: [], workers: each },
      queues: [{ address: '/run/shop.sock', waiting: 3, backlog: 2048 }],
    } as unknown as ArbiterStats;
  };
}

/** A line of the master's log. */
interface Said {
  readonly level: string;
  readonly msg: string;
}

/**
 * Opens a control at a port that has only these figures and these lines of the log; returns its address. The token is
 * `correct-horse-battery`.
 */
export async function serveFigures(
  t: TestContext,
  stats: () => ArbiterStats,
  said: readonly Said[] = [],
): Promise<string> {
  const { openControl } = await import(new URL('../../dist/control/server.js', import.meta.url).href);
  let port = 0;
  const observe = (observer: (happening: object) => void): void => {
    const time = new Date().toISOString();
    for (const { level, msg } of said) {
      const line = JSON.stringify({ time, level, name: 'shop', msg, event: 'worker:error' });
      observer({ event: 'worker:error', level, line });
    }
  };
  const control = await openControl(
    { kind: 'tcp', host: '127.0.0.1', port: 0, token: () => 'correct-horse-battery' },
    {
      source: { arbiter: { state: 'running', stats }, observe, describe: () => ({}) },
      predecessor: undefined,
      patience: { attempts: 1, interval: 0 },
      onListening: (address: { port: number }) => {
        port = address.port;
      },
      onFailure: () => undefined,
    },
    new AbortController().signal,
  );
  t.after(() => control.close());
  return `http://127.0.0.1:${port}`;
}

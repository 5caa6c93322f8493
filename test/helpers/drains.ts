import assert from 'node:assert/strict';
import http from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type Arrival, Gate } from './gate.js';
import { Host, type HostOptions } from './host.js';
import { get } from './http.js';
import { createLoadGate } from './load-gate.js';
import { responseTo } from './response.js';
import { eventually, inTime } from './wait.js';

/**
 * The ways in which workers come to drain while they hold requests. Each gives the order, and does not wait for its
 * end.
 */
export const DRAINS: Readonly<Record<'reload' | 'scale' | 'TERM', (host: Host, workers: number) => Promise<void>>> = {
  reload: async (host) => later(host.call('reload')),
  // The oldest workers go, which are those that hold the requests.
  scale: async (host, workers) => {
    await host.call('scale', 2 * workers);
    const ready = (): number => host.of('worker:ready').length;
    await host.until(() => ready() === 2 * workers, 'twice as many workers');
    later(host.call('scale', workers));
  },
  TERM: async (host) => host.kill('SIGTERM'),
};

/**
 * Ignores the outcome of an order: it is settled when the requests have been answered, or fails if the test is over
 * before that.
 */
function later(promise: Promise<unknown>): void {
  promise.catch(() => undefined);
}

/**
 * Sends each of these requests, gives the order to drain, and lets the requests be answered when all workers that hold
 * them have begun to drain. Each request is held before the next one is sent: if a slow client connected first and sent
 * its request later, it might have to wait for a busy worker while another one has room.
 */
export async function holdIntoDrain<Request>(
  gate: Gate,
  requests: readonly Request[],
  send: (request: Request) => unknown,
  host: Host,
  order: () => Promise<void>,
): Promise<void> {
  const held: Arrival[] = [];
  for (const request of requests) {
    await send(request);
    held.push(await gate.next());
  }
  await order();
  const pids = new Set(held.map(({ pid }) => pid));
  const all = async (): Promise<boolean> => {
    const workers = await host.workers();
    return [...pids].every((pid) => workers.some((worker) => worker.pid === pid && worker.state === 'draining'));
  };
  await eventually(all, () => `workers ${[...pids]} that drain\n${host.log}`);
  // The echo shows that the order has reached these workers.
  for (const arrival of held) await arrival.settle();
  for (const arrival of held) arrival.release();
}

/**
 * How many answers a thread may give before it has heard of the drain: it hears by a turn of the main thread, which may
 * have to wait for a CPU.
 */
const SOON = 1_000;

export interface Unpacked {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/**
 * Sends a request on a kept connection, and returns its answer. If the answer does not say that the connection ends,
 * further requests are sent on it until one does: otherwise a request that is under way at the end would be lost. A
 * worker says so in the next answer. A thread, which hears of the drain from another thread, says so in one of the next
 * answers.
 */
async function unpacked(url: string, next: string, isThreaded: boolean): Promise<Unpacked> {
  // A client without `keepAlive` would ask for the end of the connection itself.
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const { answer } = await exchange(url, agent);
    for (let last = answer, tries = isThreaded ? SOON : 1; last.headers.connection !== 'close'; tries--) {
      assert.ok(tries > 0, `no answer behind ${url} has said that the connection ends`);
      const after = await exchange(next, agent);
      assert.ok(after.request.reusedSocket, `${url}: the connection has ended, and no answer had said so`);
      assert.equal(after.answer.status, 200, `behind ${url}`);
      last = after.answer;
    }
    return answer;
  } finally {
    agent.destroy();
  }
}

async function exchange(url: string, agent: http.Agent): Promise<{ request: http.ClientRequest; answer: Unpacked }> {
  const request = http.get(url, { agent, headers: { 'Accept-Encoding': 'gzip' } });
  const response = await inTime(responseTo(request), `an answer to ${url}`);
  const body = await inTime(buffer(response), `the end of ${url}`);
  const { statusCode: status, headers } = response;
  const text = String(headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body);
  return { request, answer: { status, headers, text } };
}

export interface InDrain {
  readonly host: Host;
  readonly answers: Readonly<Record<string, Unpacked>>;
}

/**
 * Has an application hold a request of each path while its workers come to drain, and answer the requests then. For a
 * recycle, the application must load through the fixture `load-gate`. The path `quick` is answered at once.
 */
export async function answersInDrain(
  t: TestContext,
  way: keyof typeof DRAINS | 'recycle',
  options: HostOptions & { workers: number },
  paths: readonly string[],
  { env, quick }: { readonly env?: NodeJS.ProcessEnv; readonly quick: string },
): Promise<InDrain> {
  const gate = await Gate.open(t);
  const loading = await createLoadGate(t);
  loading.open();
  const recycle = way === 'recycle';
  const host = new Host(
    t,
    { ...options, ...(recycle && { maxRequests: 1 }) },
    { env: { ...env, ...gate.env, LOAD_GATE: loading.env.GATE } },
  );
  const url = await host.ready();
  if (recycle) {
    // From now on, the substitute of the recycled worker waits as it loads.
    loading.close();
    await get(`${url}${quick}`);
  }
  const asked: Promise<readonly [string, Unpacked]>[] = [];
  const send = (path: string): void => {
    const answer = unpacked(`${url}${path}`, `${url}${quick}`, options.workerClass === 'threaded').then(
      (got) => [path, got] as const,
    );
    // The test may end before it is answered.
    answer.catch(() => undefined);
    asked.push(answer);
  };
  await holdIntoDrain(gate, paths, send, host, async () => {
    if (recycle) loading.open();
    else await DRAINS[way](host, options.workers);
  });
  return { host, answers: Object.fromEntries(await Promise.all(asked)) };
}

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

/** The ways in which workers come to drain while they hold requests. Each orders it, and returns at once. */
export const DRAINS: Readonly<Record<'reload' | 'scale' | 'TERM', (host: Host, workers: number) => Promise<void>>> = {
  reload: async (host) => later(host.call('reload')),
  // The oldest go, which are those that hold the requests.
  scale: async (host, workers) => {
    await host.call('scale', 2 * workers);
    const ready = (): number => host.of('worker:ready').length;
    await host.until(() => ready() === 2 * workers, 'twice as many workers');
    later(host.call('scale', workers));
  },
  TERM: async (host) => host.kill('SIGTERM'),
};

/** It comes true when the requests have been answered, or the test is over before that. */
function later(promise: Promise<unknown>): void {
  promise.catch(() => undefined);
}

/**
 * Sends each of these requests, and lets them be answered when all who hold them have begun to drain. Each is held before the next one
 * is sent: if a slow client sends it later than it connects, it may have to wait for one that is busy, while another is not.
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
  // The order has come to them before the echo.
  for (const arrival of held) await arrival.settle();
  for (const arrival of held) arrival.release();
}

/** Answers until a thread has heard of a drain: it needs a turn of the main thread, which may have to wait for a CPU. */
const SOON = 1_000;

export interface Unpacked {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/**
 * The answer to a client that would keep its connection. If it does not say that the connection ends, further requests go the same way, until one says
 * it: else one that is under way by then would be lost. A worker says it in the next answer; a thread, which hears of the drain from another thread, in one soon behind it.
 */
async function unpacked(url: string, next: string, isThreaded: boolean): Promise<Unpacked> {
  // One without it asks for the end of the connection by itself.
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
 * Has an application hold a request of each path while its workers come to drain, and answer then. For a recycle, it is one that
 * loads through the fixture `load-gate`. The path `quick` is answered at once.
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
    // From now on, the substitute waits.
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

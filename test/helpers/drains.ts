import { once } from 'node:events';
import http from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type Arrival, Gate } from './gate.js';
import { Host, type HostOptions } from './host.js';
import { get } from './http.js';
import { createLoadGate } from './load-gate.js';
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

/** Waits for so many requests at the gate, and releases them when all who hold them have begun to drain. */
export async function releaseInDrain(gate: Gate, count: number, host: Host, order: () => Promise<void>): Promise<void> {
  const held: Arrival[] = [];
  while (held.length < count) held.push(await gate.next());
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

export interface Unpacked {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

async function unpacked(url: string): Promise<Unpacked> {
  const request = http.get(url, { agent: false, headers: { 'Accept-Encoding': 'gzip' } });
  const [response] = (await inTime(once(request, 'response'), `an answer to ${url}`)) as [http.IncomingMessage];
  const body = await inTime(buffer(response), `the end of ${url}`);
  const { statusCode: status, headers } = response;
  return { status, headers, text: String(headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body) };
}

export interface InDrain {
  readonly host: Host;
  readonly answers: Readonly<Record<string, Unpacked>>;
}

/**
 * Has an application hold a request of each path while its workers come to drain, and answer then. For a recycle, it is one that
 * loads through the fixture `load-gate`, and answers the path `quick` at once.
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
  const asked = paths.map(async (path) => [path, await unpacked(`${url}${path}`)] as const);
  const answers = Promise.all(asked);
  answers.catch(() => undefined);
  await releaseInDrain(gate, paths.length, host, async () => {
    if (recycle) loading.open();
    else await DRAINS[way](host, options.workers);
  });
  return { host, answers: Object.fromEntries(await answers) };
}

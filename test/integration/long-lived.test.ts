import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import test, { type TestContext } from 'node:test';
import { amount } from '../helpers/amount.js';
import { certificate, noCertificates } from '../helpers/certificate.js';
import { assertUnharmed, classes } from '../helpers/classes.js';
import { fixture, Host } from '../helpers/host.js';
import { get } from '../helpers/http.js';
import { connect, http2Host } from '../helpers/http2.js';
import { keepHosts } from '../helpers/kept.js';
import { type ManyAnswers, manyOverHttp1, manyOverHttp2 } from '../helpers/many-requests.js';

keepHosts();

const needed = { skip: noCertificates };
const app = fixture('heap-app.js');

const MANY = amount({ suite: 10_000, long: 100_000 });
/** Over TLS: HTTP/1.1 does the same with it as without, so the number only has to show what may pile up. */
const FEWER = amount({ suite: 10_000, long: 20_000 });
const WARM_UP = 3_000;
/**
 * How many bytes the heap may grow by: half of what a closure for each request would hold, in the long form a tenth.
 */
const GROWTH = amount({ suite: 1 << 19, long: 1 << 20 });

const ROUNDS = 3;

const heap = async (url: string, ca?: string): Promise<number> => Number((await get(`${url}/heap`, ca)).body);

/**
 * Makes so many requests until the heap no longer grows by them, a few times at most. Returns how many times. What is
 * compiled late, as on Node 22, adds to the heap once, and a leak adds to it each time.
 */
async function settles(url: string, ask: () => Promise<void>, ca?: string): Promise<number> {
  const growths: number[] = [];
  for (let before = await heap(url, ca); growths.length < ROUNDS; ) {
    await ask();
    const after = await heap(url, ca);
    growths.push(after - before);
    if (after - before < GROWTH) return growths.length;
    before = after;
  }
  throw new Error(`the heap has grown each time, by ${growths} bytes`);
}

for (const { name, options, keeps } of classes(1)) {
  for (const [count, secure] of [
    [MANY, false],
    [FEWER, true],
  ] as const) {
    if (!keeps) continue;
    const skip = secure && noCertificates;
    test(`${count} requests on one connection: ${name}${secure ? ', TLS' : ''}`, { skip }, async (t) => {
      const { cert } = secure ? certificate() : { cert: undefined };
      const host = new Host(t, { workers: 1, app, ...options, ...(secure && { tls: { ...certificate() } }) });
      const url = await host.ready();
      assert.equal(await manyOverHttp1(t, url, { count: WARM_UP, window: 20 }, cert), WARM_UP);
      const ask = async (): Promise<void> =>
        assert.equal(await manyOverHttp1(t, url, { count, window: 20 }, cert), count);
      const times = await settles(url, ask, cert);
      await host.finished(WARM_UP + 1 + times * (count + 1));
      await assertUnharmed(host);
    });
  }
}

test(`${MANY} requests on one connection: async, HTTP/2`, needed, async (t) => {
  const host = http2Host(t, { app });
  const url = await host.ready();
  const session = await connect(t, url);
  const warmUp = await manyOverHttp2(session, { count: WARM_UP, window: 50 });
  assert.deepEqual(warmUp, { answered: WARM_UP, refused: 0, failed: [] });
  const ask = async (): Promise<void> => {
    const { answered, failed } = await manyOverHttp2(session, { count: MANY, window: 50 });
    assert.deepEqual([answered, failed], [MANY, []]);
  };
  const times = await settles(url, ask, certificate().cert);
  assert.ok(!session.closed);
  await host.finished(WARM_UP + 1 + times * (MANY + 1));
  await assertUnharmed(host);
});

const CONNECTIONS = 10;
const STREAMS = 100;
const h2load = spawnSync('h2load', ['--version']).status === 0;

/** What `h2load -n MANY -c CONNECTIONS -m STREAMS` counts. */
async function runH2load(url: string): Promise<ManyAnswers> {
  const program = spawn('h2load', [`-n${MANY}`, `-c${CONNECTIONS}`, `-m${STREAMS}`, url]);
  let text = '';
  program.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const [code] = await once(program, 'close');
  const [, succeeded, failed] = /(\d+) succeeded, (\d+) failed/.exec(text) ?? [];
  const well = code === 0 && failed === '0';
  return { answered: Number(succeeded), refused: 0, failed: well ? [] : [text] };
}

/** Counts the same with clients of Node. */
async function runClients(t: TestContext, url: string): Promise<ManyAnswers> {
  const count = MANY / CONNECTIONS;
  const sessions = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(t, url)));
  const all = await Promise.all(sessions.map((session) => manyOverHttp2(session, { count, window: STREAMS })));
  return all.reduce((sum, { answered, refused, failed }) => ({
    answered: sum.answered + answered,
    refused: sum.refused + refused,
    failed: [...sum.failed, ...failed],
  }));
}

test(`${MANY} requests on ${CONNECTIONS} HTTP/2 connections, ${STREAMS} streams at a time`, needed, async (t) => {
  const host = http2Host(t, { app, workers: 2 });
  const url = await host.ready();
  t.diagnostic(`sent by ${h2load ? 'h2load' : 'clients of Node, since there is no h2load here'}`);
  const answers = await (h2load ? runH2load(url) : runClients(t, url));
  assert.deepEqual(answers, { answered: MANY, refused: 0, failed: [] });
  await host.finished(MANY);
  await assertUnharmed(host);
});

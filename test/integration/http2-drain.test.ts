import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { amount } from '../helpers/amount.js';
import { noCertificates } from '../helpers/certificate.js';
import { assertUnharmed } from '../helpers/classes.js';
import { Gate } from '../helpers/gate.js';
import { Hold } from '../helpers/hold.js';
import { fixture, type Host, type HostOptions } from '../helpers/host.js';
import { answerOf, closed, connect, http2Host, request } from '../helpers/http2.js';
import { FRAME, FrameClient, headers } from '../helpers/http2-frames.js';
import { keepHosts } from '../helpers/kept.js';
import { type ManyAnswers, manyOverHttp2 } from '../helpers/many-requests.js';
import { passing } from '../helpers/passing.js';
import { eventually, inTime } from '../helpers/wait.js';

keepHosts();

const needed = { skip: noCertificates };
const FOR_EVER = 2 ** 31 - 1;
/**
 * How many changes happen under load, at least. More follow, up to MOST_ROUNDS, until a client has been sent elsewhere:
 * all clients may have been with the worker that stays.
 */
const ROUNDS = amount({ suite: 1, long: 10 });
const MOST_ROUNDS = 20;
const CLIENTS = 4;
/** How many answers there are between two changes. */
const ANSWERS = amount({ suite: 300, long: 1_000 });

/** Clients that keep a connection busy for as long as the server wants, and then go on with another connection. */
class Clients {
  readonly sum: ManyAnswers = { answered: 0, refused: 0, failed: [] };
  connections = 0;
  #stopping = false;
  readonly #ended: Promise<unknown>;

  constructor(t: TestContext, url: string, count: number) {
    this.#ended = Promise.all(Array.from({ length: count }, () => this.#run(t, url)));
  }

  /** Waits until so many more have been answered. */
  async more(count: number): Promise<void> {
    const goal = this.sum.answered + count;
    await eventually(
      () => this.sum.answered >= goal || this.sum.failed.length > 0,
      () => `${goal} answers: ${JSON.stringify(this.sum)}`,
    );
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#ended;
  }

  async #run(t: TestContext, url: string): Promise<void> {
    while (!this.#stopping) {
      const session = await connect(t, url);
      this.connections++;
      while (!this.#stopping && !session.closed) {
        // The parts are small, so that the sum is up to date.
        const { answered, refused, failed } = await manyOverHttp2(session, { count: 100, window: 50 });
        this.sum.answered += answered;
        this.sum.refused += refused;
        this.sum.failed.push(...failed);
      }
      if (!session.closed) session.close();
      if (!session.destroyed) await inTime(new Promise((resolve) => session.once('close', resolve)), 'the end');
    }
  }
}

const CHANGES: Readonly<Record<string, { options: HostOptions; change: (host: Host) => Promise<unknown> }>> = {
  'a reload': { options: {}, change: (host) => host.call('reload') },
  'a scale down and up': {
    options: {},
    change: async (host) => {
      await host.call('scale', 1);
      await host.event('worker:exit');
      await host.call('scale', 2);
    },
  },
  'recycling by maxRequests': {
    options: { maxRequests: Math.round(ANSWERS * 0.7) },
    change: (host) => host.until(() => host.of('worker:exit').length >= 3, 'three workers that were replaced'),
  },
};

for (const [what, { options, change }] of Object.entries(CHANGES)) {
  test(
    `HTTP/2: through ${what}, what is not refused is answered, and clients that are sent away are served elsewhere`,
    needed,
    async (t) => {
      const host = http2Host(t, { workers: 2, ...options });
      const clients = new Clients(t, await host.ready(), CLIENTS);
      await clients.more(ANSWERS);
      const areSentElsewhere = (): boolean => clients.connections > CLIENTS;
      for (let round = 0; round < ROUNDS || (!areSentElsewhere() && round < MOST_ROUNDS); round++) {
        await change(host);
        await clients.more(ANSWERS);
      }
      await clients.stop();
      const { answered, refused, failed } = clients.sum;
      t.diagnostic(`${answered} answered, ${refused} refused, ${clients.connections} connections`);
      assert.deepEqual(failed, []);
      assert.ok(areSentElsewhere(), 'nobody was sent elsewhere');
      // Each answered request was finished once, and none of those that were refused was.
      await host.finished(answered);
      const { errors, crashes } = (await host.stats()).totals;
      assert.deepEqual([errors, crashes], [0, 0]);
    },
  );
}

test('HTTP/2: what crosses a GOAWAY is refused by its number, and what came before is answered', needed, async (t) => {
  const gate = await Gate.open(t);
  const host = http2Host(t, { app: fixture('gated.js'), env: gate.env, gracefulTimeout: FOR_EVER });
  const client = await FrameClient.connect(t, await host.ready());
  client.send(headers(1, '/first'), headers(3, '/second'));
  const held = [await gate.next(), await gate.next()];
  const stopped = host.call('stop');
  await client.until(() => client.of(FRAME.GOAWAY).length > 0, 'GOAWAY');
  const [goaway] = client.of(FRAME.GOAWAY);
  assert.deepEqual([goaway?.payload.readUInt32BE(0), goaway?.payload.readUInt32BE(4)], [3, 0]);
  client.send(headers(5, '/crosses'));
  for (const arrival of held) {
    await arrival.settle();
    arrival.release();
  }
  await client.until(() => client.ended, 'the end of the connection');
  assert.deepEqual([client.body(1), client.body(3)], [`${held[0]?.pid} /first`, `${held[0]?.pid} /second`]);
  assert.deepEqual(
    client.frames.filter(({ id }) => id === 5),
    [],
  );
  assert.equal(client.error, undefined);
  assert.equal(gate.arrivals.length, 2);
  client.leave();
  await stopped;
  const [, exit] = await host.event('worker:exit');
  assert.deepEqual(exit, { code: 0, signal: null, reason: 'stop' });
});

for (const [what, path] of Object.entries({ 'has had its answer': '/held', 'has asked for nothing': undefined })) {
  test(`HTTP/2: a client that ${what} and does not close does not hold a stop up`, needed, async (t) => {
    const gate = await Gate.open(t);
    const host = http2Host(t, {
      app: fixture('gated.js'),
      env: gate.env,
      keepAlive: 100_000,
      gracefulTimeout: FOR_EVER,
    });
    const client = await FrameClient.connect(t, await host.ready());
    if (path !== undefined) client.send(headers(1, path));
    const arrival = path === undefined ? undefined : await gate.next();
    const stopped = host.call('stop');
    await client.until(() => client.of(FRAME.GOAWAY).length > 0, 'GOAWAY');
    arrival?.release();
    await stopped;
    if (arrival) assert.equal(client.body(1), `${arrival.pid} /held`);
    const [, exit] = await host.event('worker:exit');
    assert.deepEqual(exit, { code: 0, signal: null, reason: 'stop' });
  });
}

test(
  'HTTP/2: a request that came in time is served, though the worker was busy when the time was over',
  needed,
  async (t) => {
    // Long, since on a busy machine some time passes before the worker is busy.
    const keepAlive = 2_000;
    const host = http2Host(t, { app: fixture('holds-its-loop.js'), keepAlive, timeout: 0 });
    const url = await host.ready();
    const [idle, busy] = [await connect(t, url), await connect(t, url)];
    // The time of the idle connection is over while the worker is held.
    assert.equal((await answerOf(request(idle, '/'))).status, 200);
    const hold = new Hold(t);
    const held = answerOf(request(busy, `/${hold.query}`));
    await hold.begun();
    const late = answerOf(request(idle, '/'));
    await passing(host, keepAlive);
    hold.free();
    const [answer] = await Promise.all([late, held]);
    assert.deepEqual(answer, { status: 200, body: 'hello' });
    await closed(idle);
    await assertUnharmed(host);
  },
);
